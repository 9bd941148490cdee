"""The Emu3 family: folders written by transformers."""

from scalingar.models import options
from scalingar.models.family import FAMILIES, Family, Network, Release, Source
from scalingar.models.options import Choice

_REPO = "Emu3-community/Emu3-Gen-hf"


def _build(source: Source, choice: Choice) -> Network:
    from scalingar.models.hf.emu3 import IMAGE_SIZE, NEGATIVE_PROMPT, load_emu3  # noqa: PLC0415  needs transformers

    image_size, aspect_ratio, negative = map(
        choice.get, (options.IMAGE_SIZE, options.ASPECT_RATIO, options.NEGATIVE_PROMPT)
    )
    return Network(
        *load_emu3(
            source.transformer,
            device=choice.device,
            dtype=choice.dtype,
            aspect_ratio=1.0 if aspect_ratio is None else aspect_ratio,
            image_area=(IMAGE_SIZE if image_size is None else image_size) ** 2,
            negative_prompt=NEGATIVE_PROMPT if negative is None else negative,
        )
    )


FAMILY = Family(
    name="emu3",
    title="Emu3",
    decodes="next-token",
    default_strategy="scaling-ar",
    options=(options.IMAGE_SIZE, options.ASPECT_RATIO, options.NEGATIVE_PROMPT),
    build=_build,
    model_type="emu3",
    extra="hf",
    no_conversion="transformers' folders are read as they are",
    instead={"Emu3": _REPO, "BAAI/Emu3-Gen": _REPO, "BAAI/Emu3-Chat": _REPO, "BAAI/Emu3-Stage1": _REPO},
    releases={_REPO: {"gen": Release(repo=_REPO, tokenizer_repo=_REPO)}},
)
FAMILIES.register(FAMILY.name)(FAMILY)
