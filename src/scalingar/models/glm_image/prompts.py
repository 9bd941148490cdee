"""GLM-Image's prompts: its own processor's chat template, which also states both grids."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Int
from torch import Tensor

from scalingar.core.errors import PromptError


@dataclass(frozen=True)
class GlmImagePrompts:
    """Encodes prompts for pictures of ``height`` x ``width`` pixels.

    ``processor``: transformers' ``GlmImageProcessor``. ``marks``: ids that only the frame of a prompt may have: those
    of an image in the prompt, and of an image's end.
    """

    processor: Any
    height: int
    width: int
    marks: tuple[int, ...]

    def __call__(self, prompts: list[str]) -> tuple[Int[Tensor, "p t"], Bool[Tensor, "p t"]]:
        """Ids ``(p, t)``, padded on the left, and their mask. Raises PromptError for a prompt with an image in it."""
        for prompt in prompts:
            if set(self.processor.tokenizer(prompt)["input_ids"]) & set(self.marks):
                raise PromptError(
                    f"the prompt {prompt[:60]!r} holds a token that stands for a picture; GLM-Image is read from text "
                    "only here, not from images: leave the token out."
                )
        ids, mask, _ = self.framed(prompts)
        return ids, mask

    def framed(self, prompts: list[str]) -> tuple[Int[Tensor, "p t"], Bool[Tensor, "p t"], list[tuple[int, int]]]:
        """Ids and mask, and the grids that the frame states: the large one, then the preview's."""
        messages = [[{"role": "user", "content": [{"type": "text", "text": prompt}]}] for prompt in prompts]
        batch = self.processor.apply_chat_template(
            messages,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={
                "padding": True,
                "padding_side": "left",
                "target_h": self.height,
                "target_w": self.width,
            },
        )
        grids = [(height, width) for _, height, width in batch["image_grid_thw"][:2].tolist()]
        return batch["input_ids"], batch["attention_mask"].bool(), grids
