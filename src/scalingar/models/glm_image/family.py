"""The GLM-Image family: the published folder, or its autoregressive part alone."""

from collections.abc import Sequence
from pathlib import Path

from scalingar.models import options
from scalingar.models.family import FAMILIES, Family, Network, Release, Source
from scalingar.models.glm_image.folders import PIPELINE_CLASS, autoregressive_folder, is_whole
from scalingar.models.options import Choice

_REPO = "zai-org/GLM-Image"


def _build(source: Source, choice: Choice) -> Network:
    from scalingar.models.glm_image.loading import IMAGE_SIZE, load_glm_image  # noqa: PLC0415  needs transformers

    given = {
        "aspect_ratio": choice.get(options.ASPECT_RATIO),
        "steps": choice.get(options.DIFFUSION_STEPS),
        "preview_steps": choice.get(options.PREVIEW_STEPS),
    }
    size = choice.get(options.IMAGE_SIZE)
    return Network(
        *load_glm_image(
            source.transformer,
            _diffusion(source),
            device=choice.device,
            dtype=choice.dtype,
            image_area=(IMAGE_SIZE if size is None else size) ** 2,
            **{name: value for name, value in given.items() if value is not None},
        )
    )


def _diffusion(source: Source) -> Path | None:
    return source.tokenizer if source.tokenizer not in (None, source.transformer) else None


def _weights(source: Source) -> Sequence[Path]:
    """The folders of all parts that have weights."""
    whole = source.tokenizer if source.tokenizer is not None and is_whole(source.tokenizer) else source.transformer
    parts = [whole / part for part in ("transformer", "text_encoder", "vae")] if is_whole(whole) else []
    return [autoregressive_folder(source.transformer), *(part for part in parts if part.is_dir())]


FAMILY = Family(
    name="glm-image",
    title="GLM-Image",
    decodes="next-token",
    default_strategy="preview-then-finish",
    options=(
        options.IMAGE_SIZE,
        options.ASPECT_RATIO,
        options.TOKENIZER,
        options.DIFFUSION_STEPS,
        options.PREVIEW_STEPS,
    ),
    build=_build,
    model_type="glm_image",
    extra="hf",
    pipeline_class=PIPELINE_CLASS,
    weights=_weights,
    no_conversion="the folders of transformers and diffusers are read as they are",
    releases={_REPO: {"9b": Release(repo=_REPO, tokenizer_repo=_REPO)}},
)
FAMILIES.register(FAMILY.name)(FAMILY)
