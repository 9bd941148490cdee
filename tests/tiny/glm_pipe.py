"""A pipeline around the tiny GLM-Image whose pictures are made without diffusers."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Int
from torch import Tensor

from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.glm_image.transformer import GlmImage
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny.glm_image import BEGIN, CODES, tiny_glm_image, tiny_processor

PREVIEW, GRID = (3, 2), (2, 3)


@dataclass
class Patches:
    """A tokenizer that reads prompts: a code is a grey patch of 4 x 4 pixels."""

    downsample: int = 4
    seen: list[tuple[list[str], Tensor, tuple[int, int]]] = field(default_factory=list)

    def decode(self, codes: Int[Tensor, "n t"], grid: tuple[int, int]) -> Tensor:
        return self.decode_for([""] * len(codes), codes, grid)

    def decode_for(
        self, prompts: list[str], codes: Int[Tensor, "n t"], grid: tuple[int, int], *, preview: bool = False
    ) -> Tensor:
        self.seen.append((prompts, codes, grid))
        grey = 2 * codes.unflatten(1, grid).float() / (CODES - 1) - 1
        return grey.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, None].repeat(1, 3, 1, 1)


def read(prompts: list[str]) -> tuple[Tensor, Tensor]:
    """Words between the user's mark and begin of image."""
    processor = tiny_processor()
    batch = processor.tokenizer([f"<|user|> {p} <|dit_token_{BEGIN}|>" for p in prompts], padding=True)
    return torch.tensor(batch["input_ids"]), torch.tensor(batch["attention_mask"]).bool()


def glm_pipe() -> ImagePipeline:
    """Draws a preview of 3 x 2 codes, then 2 x 3, without guidance."""
    model = GlmImage(network=tiny_glm_image(), grid=GRID, preview=PREVIEW, empty=torch.tensor([33, BEGIN]))
    return ImagePipeline("tiny-glm", model, Patches(), read, guidance_scale=1.0, sampling=SamplingConfig(top_p=0.75))
