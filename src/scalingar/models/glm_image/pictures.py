"""GLM-Image's pictures: diffusers' pipeline, conditioned by codes that were drawn here or elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.packages import require
from scalingar.core.pixels import all_rounded
from scalingar.models.hf.loading import refused

CELL = 32
"""Pixels per code along each axis."""

STEPS = 50
"""Denoising steps of a picture, as in diffusers."""

PREVIEW_STEPS = 10
"""Denoising steps of a look at a preview (chosen): it is a picture of a quarter of the side's cells, seen once."""

NOISE_SEED = 0
"""Of the latent noise, the same for every picture (chosen): pictures then differ by their codes and prompts alone."""


@dataclass(frozen=True)
class GlmImagePictures:
    """The pixels of GLM-Image's codes: a :class:`~scalingar.decoding.contracts.ReadsPrompts`.

    Codes go to ``GlmImagePipeline`` as its ``prior_token_ids``, each repeated over 2 x 2 cells as the pipeline does. It
    is loaded when the first picture is made, so codes can be drawn where there is no room for it.

    ``folder``: as diffusers writes it; None: the model's folder has no diffusion part.
    ``preview_steps``: denoising steps of a preview, which is drawn in its own size; ``steps``: of other pictures.
    """

    folder: Path | None
    device: str | torch.device = "cpu"
    dtype: torch.dtype = torch.float32
    steps: int = STEPS
    preview_steps: int = PREVIEW_STEPS
    _loaded: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def downsample(self) -> int:
        """Pixels per code along each axis."""
        return CELL

    def prepare(self) -> None:
        """Load the diffusion part. Raises PackageError without diffusers, WeightsError without its files."""
        if not self._loaded:
            self._loaded.append(self._load())

    def decode(self, codes: Int[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n 3 H W"]:
        """See :meth:`decode_for`, of images whose prompts have no text to be written into the picture."""
        return self.decode_for([""] * len(codes), codes, grid)

    def decode_for(
        self, prompts: list[str], codes: Int[Tensor, "n t"], grid: tuple[int, int], *, preview: bool = False
    ) -> Float[Tensor, "n 3 H W"]:
        """RGB of whole grids of codes, in [-1, 1]. Of a prompt the diffusion part reads what stands in quotes.

        A picture depends on its own prompt and codes alone, up to rounding: those of one prompt are made together, each
        from the same noise. ``preview``: in ``preview_steps`` denoising steps.
        """
        if codes.shape[-1] != grid[0] * grid[1]:
            raise ValueError(f"{codes.shape[-1]} codes do not fill a grid of {grid[0]}x{grid[1]}")
        self.prepare()
        steps = self.preview_steps if preview else self.steps
        pictures: dict[int, Tensor] = {}
        for prompt in dict.fromkeys(prompts):
            rows = [row for row, other in enumerate(prompts) if other == prompt]
            pictures.update(zip(rows, self._drawn(prompt, codes[rows], grid, steps), strict=True))
        return torch.stack([pictures[row] for row in range(len(prompts))])

    def _drawn(
        self, prompt: str, codes: Int[Tensor, "n t"], grid: tuple[int, int], steps: int
    ) -> Float[Tensor, "n 3 H W"]:
        (pipeline,) = self._loaded
        doubled = codes.unflatten(1, grid).repeat_interleave(2, 1).repeat_interleave(2, 2).flatten(1)
        output = pipeline(
            prompt=[prompt] * len(codes),
            prior_token_ids=doubled.to(pipeline.transformer.device),
            height=grid[0] * CELL,
            width=grid[1] * CELL,
            num_inference_steps=steps,
            generator=[torch.Generator().manual_seed(NOISE_SEED) for _ in codes],
            output_type="pt",
        )
        return 2 * output.images.float() - 1

    def _load(self) -> Any:
        if self.folder is None:
            raise WeightsError(
                "this GLM-Image folder holds the autoregressive part only; give the whole model's folder as tokenizer, "
                "or ask for codes (output_type='codes') and make their pictures elsewhere."
            )
        require("a picture of GLM-Image", "glm")
        from diffusers import GlmImagePipeline  # noqa: PLC0415
        from diffusers.utils import is_accelerate_available  # noqa: PLC0415

        with refused(f"{self.folder} cannot be loaded as GlmImagePipeline"):
            # Its autoregressive part is not loaded a second time.
            pipeline = GlmImagePipeline.from_pretrained(
                str(self.folder),
                dtype=self.dtype,
                vision_language_encoder=None,
                processor=None,
                low_cpu_mem_usage=is_accelerate_available(),
            )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline.to(self.device)


def pictures_of_codes(
    folder: str | Path,
    codes: Sequence[Int[Tensor, " t"]],
    prompts: Sequence[str],
    grid: tuple[int, int],
    **settings: Any,
) -> list[Image.Image]:
    """Pictures of codes that were drawn before, as ``output_type="codes"`` hands them out.

    Only the diffusion part is loaded. ``grid``: rows and columns of the large grid, 32 x 32 for 1024 x 1024 pixels; the
    codes of the preview, which stand before its own, are not needed. ``settings``: device, dtype, steps.

    Raises:
        PackageError: diffusers is not installed.
        ConfigError: the codes do not fit the grid.
        WeightsError: the folder holds no diffusion part.
    """
    made = GlmImagePictures(Path(folder), **settings)
    cells = grid[0] * grid[1]
    if len(codes) != len(prompts) or any(len(own) < cells for own in codes):
        lengths = sorted({len(own) for own in codes})
        raise ConfigError(
            f"there are codes of {len(codes)} images for {len(prompts)} prompts, {lengths} each; give one prompt per "
            f"image, and at least {cells} codes for a grid of {grid[0]}x{grid[1]}."
        )
    parts = [made.decode_for([prompt], own[None, -cells:], grid) for prompt, own in zip(prompts, codes, strict=True)]
    return [image for part in parts for image in all_rounded(part.clamp(-1, 1))]
