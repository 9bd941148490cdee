"""Loading GLM-Image: a folder of diffusers with all parts, or one of transformers with the autoregressive part."""

from pathlib import Path
from typing import Any

import torch

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.author_defaults import Defaults
from scalingar.models.glm_image.folders import autoregressive_folder, is_whole
from scalingar.models.glm_image.pictures import CELL, PREVIEW_STEPS, STEPS, GlmImagePictures
from scalingar.models.glm_image.prompts import GlmImagePrompts
from scalingar.models.glm_image.transformer import GlmImage
from scalingar.models.hf.emu3 import code_grid
from scalingar.models.hf.loading import generation_defaults, load_network, refused

IMAGE_SIZE = 1024
"""Side in pixels of a square image, as in the authors' examples."""

TOP_K = 50
"""transformers' own default, which ``generate`` applies where a generation config sets none."""


def load_glm_image(
    path: Path,
    diffusion: Path | None = None,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    aspect_ratio: float | str = 1.0,
    image_area: int = IMAGE_SIZE**2,
    steps: int = STEPS,
    preview_steps: int = PREVIEW_STEPS,
) -> tuple[GlmImage, GlmImagePictures, GlmImagePrompts, Defaults]:
    """Model, pictures, prompt encoder and defaults from a folder.

    ``diffusion``: the folder with the diffusion part, if it is another. ``aspect_ratio``: width over height, or "w:h";
    ``image_area``: pixels, to the nearest grid of codes.

    Raises:
        WeightsError: missing, damaged or incomplete, or not a GLM-Image model.
        ConfigError: an invalid aspect ratio, area or number of steps.
    """
    from transformers import GlmImageForConditionalGeneration  # noqa: PLC0415

    for name, count in (("diffusion_steps", steps), ("preview_steps", preview_steps)):
        if count < 1:
            raise ConfigError(f"{name} is {count}; it must be at least 1.")
    whole = is_whole(path)
    network = load_network(GlmImageForConditionalGeneration, autoregressive_folder(path), device=device, dtype=dtype)
    network.model.visual = network.model.vqmodel = None  # they read images, which prompts do not have
    grid = code_grid(aspect_ratio, image_area, CELL)
    config = network.config
    marks = (config.image_token_id, config.image_end_token_id)
    processor = load_processor(path / "processor" if whole else path)
    prompts = GlmImagePrompts(processor, grid[0] * CELL, grid[1] * CELL, marks)
    with refused(f"{path}: its processor cannot read a prompt"):
        ids, _, (large, preview) = prompts.framed([""])
    check_vocabulary(ids, large, preview, grid, config, path)
    model = GlmImage(network=network, grid=grid, preview=preview, empty=ids[0])
    pictures = GlmImagePictures(diffusion or (path if whole else None), device, dtype, steps, preview_steps)
    return model, pictures, prompts, authors_defaults(network)


def load_processor(path: Path) -> Any:
    """Its processor, for text. Raises WeightsError."""
    from transformers import GlmImageProcessor  # noqa: PLC0415

    with refused(f"{path} holds no processor for its prompts"):
        return GlmImageProcessor.from_pretrained(str(path), trust_remote_code=False)


def check_vocabulary(ids: torch.Tensor, large: Any, preview: Any, grid: Any, config: Any, path: Path) -> None:
    """Raises WeightsError unless the processor ends a prompt where the image begins, and codes are the first ids."""
    codes, words = config.vq_config.num_embeddings, config.text_config.vocab_size
    last, highest = int(ids[0, -1]), int(ids.max())
    if last != config.image_start_token_id or highest >= words or large != grid or min(preview) < 1:
        raise WeightsError(
            f"{path}: its processor ends a prompt with token {last} and a grid of {large} after {preview}, the model "
            f"has {words} words and begins images with {config.image_start_token_id}; copy the model again."
        )
    if not codes <= min(config.image_start_token_id, config.text_config.vision_vocab_size):
        raise WeightsError(f"{path}: {codes} image codes overlap the special tokens; config.json is not GLM-Image's.")


def authors_defaults(network: Any) -> Defaults:
    """Without guidance, and with the sampling that ``generate`` applies."""
    found = generation_defaults(network, 1.0)
    top_k = TOP_K if network.generation_config.top_k is None else found.sampling.top_k
    return Defaults(
        guidance_scale=found.guidance_scale,
        sampling=SamplingConfig(**{**found.sampling.model_dump(), "top_k": top_k}),
    )
