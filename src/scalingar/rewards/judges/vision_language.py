"""A vision-language model of transformers: how probable a yes is to a question about pictures, without sampling."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import WeightsError
from scalingar.core.packages import require
from scalingar.core.pixels import rgb
from scalingar.models.hf.loading import load_network, located, refused
from scalingar.rewards.judges.yes_share import as_answer

_SPELLINGS = ("yes", "no", "Yes", "No", "YES", "NO", " yes", " no", " Yes", " No")


class VisionLanguageNetwork:
    """Network and processor. ``yes``, ``no``: ids of tokens that an answer may begin with."""

    def __init__(self, network: Any, processor: Any, source: str) -> None:
        """Raises WeightsError if it is no chat model, or its vocabulary does not tell yes from no."""
        self.network = network
        self.processor = processor
        self.source = source
        if not getattr(processor, "chat_template", None):
            raise WeightsError(f"{source} has no chat template, so nothing can be asked; choose an instruct model.")
        self.yes, self.no = answer_ids(processor.tokenizer, source)

    @classmethod
    def load(cls, source: str, *, device: str | torch.device, dtype: torch.dtype | str) -> "VisionLanguageNetwork":
        """From a folder or a hub name, without any code of others. Raises WeightsError."""
        from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor  # noqa: PLC0415

        name, revision = located(source)
        with refused(f"{source} cannot be loaded as a vision-language model"):
            config = AutoConfig.from_pretrained(name, trust_remote_code=False, **revision)
            kind = AutoModelForImageTextToText._model_mapping.get(type(config), None)
            if kind is None:
                raise WeightsError(f"{source} is {config.model_type}, which takes no picture with a text.")
            try:
                processor = AutoProcessor.from_pretrained(name, trust_remote_code=False, **revision)
            except ImportError:  # one that reads videos too needs torchvision, of which its message tells no command
                require(f"the processor of {source}", "vqa")
                raise
        if not hasattr(processor, "image_processor"):
            raise WeightsError(f"{source} holds no preprocessor of pictures; copy the whole model.")
        return cls(load_network(kind, source, device=device, dtype=dtype), processor, source)  # type: ignore[arg-type]

    @torch.inference_mode()
    def shares(self, images: Sequence[Image.Image], question: str) -> Float[Tensor, " n"]:
        """P(yes) / (P(yes) + P(no)) of the first word of the answer, for pictures of one size.

        Raises:
            WeightsError: the values are not finite.
        """
        content = [[{"type": "image", "image": rgb(image)}, {"type": "text", "text": question}] for image in images]
        inputs = self.processor.apply_chat_template(
            [[{"role": "user", "content": parts}] for parts in content],
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            add_generation_prompt=True,
        )
        placed = {name: self._placed(value) for name, value in inputs.items()}
        last = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(self.network.forward).parameters else {}
        logits = self.network(**placed, **last).logits[:, -1].float().cpu()
        chances = torch.stack([logits[:, ids].logsumexp(-1) for ids in (self.yes, self.no)], dim=-1).softmax(-1)[:, 0]
        if not bool(chances.isfinite().all()):
            raise WeightsError(f"{self.source} gives values that are not numbers in {self.network.dtype}; use float32.")
        return chances

    def _placed(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        placed = to_device(value, self.network.device)
        return placed.to(self.network.dtype) if placed.is_floating_point() else placed


def answer_ids(tokenizer: Any, source: str | Path) -> tuple[list[int], list[int]]:
    """First tokens of the spellings of yes and of no. Raises WeightsError if there is no such pair.

    A token that both begin with, such as a space, tells nothing.
    """
    found: dict[bool, set[int]] = {True: set(), False: set()}
    for spelling in _SPELLINGS:
        ids = tokenizer(spelling, add_special_tokens=False)["input_ids"]
        answer = as_answer(spelling)
        if ids and answer is not None and ids[0] != tokenizer.unk_token_id:
            found[answer].add(ids[0])
    both = found[True] & found[False]
    yes, no = sorted(found[True] - both), sorted(found[False] - both)
    if not yes or not no:
        raise WeightsError(f"the tokenizer of {source} has no words for yes and no; choose another model.")
    return yes, no
