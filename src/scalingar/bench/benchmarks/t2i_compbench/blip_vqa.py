"""The probability that BLIP answers a question with yes, as T2I-CompBench asks it (Huang et al. 2023)."""

from typing import ClassVar

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.bench.judges.pretrained import PretrainedJudge
from scalingar.core.pixels import rgb
from scalingar.models.hf.clip_pixels import normalised

SIDE = 480
"""Images are resized to a square of this many pixels a side; the default of transformers is 384."""
MAX_TOKENS = 35
"""Longer questions are truncated."""
YES, NO, DECODER, ENCODER = 2748, 2053, 30522, 30523
"""Token ids; the last two begin an answer and a question. transformers leaves [CLS] at the start of questions."""


class BlipVQA(PretrainedJudge):
    """P(yes) / (P(yes) + P(no)) of the first token of an answer."""

    kind: ClassVar[str] = "blip-vqa"
    architecture: ClassVar[str] = "BlipForQuestionAnswering"
    default: ClassVar[str] = "Salesforce/blip-vqa-capfilt-large"
    """The weights that the benchmark publishes as model_base_vqa_capfilt_large."""

    @torch.inference_mode()
    def __call__(self, image: Image.Image, questions: list[str]) -> list[float]:
        """One probability per question; the image is encoded once."""
        square = rgb(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        pixels = self.to_network(normalised([square]))
        patches = self.network.vision_model(pixel_values=pixels, interpolate_pos_encoding=True)[0]
        return [self._yes(patches, question) for question in questions]

    def _yes(self, patches: Float[Tensor, "1 p d"], question: str) -> float:
        ids = self.tokenizer(question, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")["input_ids"]
        ids = ids.to(patches.device)
        ids[:, 0] = ENCODER
        encoded = self.network.text_encoder(
            input_ids=ids, attention_mask=torch.ones_like(ids), encoder_hidden_states=patches, return_dict=False
        )[0]
        start = torch.full((1, 1), DECODER, device=patches.device)
        logits = self.network.text_decoder(input_ids=start, encoder_hidden_states=encoded).logits[0, -1].float()
        yes, no = logits.softmax(-1).cpu()[[YES, NO]].tolist()
        return yes / (yes + no)
