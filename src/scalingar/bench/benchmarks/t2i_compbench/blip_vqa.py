"""How probable BLIP finds a yes, as T2I-CompBench asks it (Huang et al. 2023), on transformers."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.models.hf.clip_pixels import normalised
from scalingar.models.hf.loading import load_network, load_text_tokenizer

DEFAULT = "Salesforce/blip-vqa-capfilt-large"
"""The weights the benchmark publishes as model_base_vqa_capfilt_large."""
SIDE = 480
"""Pixels an image is squashed to; transformers' own default is 384."""
LONGEST = 35
"""Tokens of a question."""
YES, NO, DECODER, ENCODER = 2748, 2053, 30522, 30523
"""Token ids; the last two begin an answer and a question. transformers leaves [CLS] at the start of questions."""


class BlipVQA:
    """P(yes) / (P(yes) + P(no)) of the first token of an answer."""

    def __init__(self, network: Any, tokenizer: Any, name: str) -> None:
        """``network``: a ``BlipForQuestionAnswering``."""
        self.network = network
        self.tokenizer = tokenizer
        self.name = f"blip-vqa {name}"

    @classmethod
    def load(cls, source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> "BlipVQA":
        """From a folder or a hub name. Raises WeightsError."""
        from transformers import BlipForQuestionAnswering  # noqa: PLC0415

        source = source or DEFAULT
        network = load_network(BlipForQuestionAnswering, source, device=device, dtype=dtype)
        return cls(network, load_text_tokenizer(source), str(source))

    @torch.inference_mode()
    def __call__(self, image: Image.Image, questions: list[str]) -> list[float]:
        """One probability per question; the image is looked at once."""
        parameter = next(self.network.parameters())
        squashed = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        pixels = normalised([squashed]).to(parameter)
        seen = self.network.vision_model(pixel_values=pixels, interpolate_pos_encoding=True)
        return [self._yes(seen[0], question) for question in questions]

    def _yes(self, seen: Float[Tensor, "1 p d"], question: str) -> float:
        ids = self.tokenizer(question, truncation=True, max_length=LONGEST, return_tensors="pt")["input_ids"]
        ids = ids.to(seen.device)
        ids[:, 0] = ENCODER
        asked = self.network.text_encoder(
            input_ids=ids, attention_mask=torch.ones_like(ids), encoder_hidden_states=seen, return_dict=False
        )[0]
        start = torch.full((1, 1), DECODER, device=seen.device)
        logits = self.network.text_decoder(input_ids=start, encoder_hidden_states=asked).logits[0, -1].float()
        yes, no = logits.softmax(-1)[[YES, NO]].tolist()
        return yes / (yes + no)
