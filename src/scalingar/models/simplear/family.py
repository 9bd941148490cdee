"""The SimpleAR family: folders written by transformers, with Cosmos' decoder of images beside them."""

from scalingar.models import options
from scalingar.models.family import FAMILIES, Family, Network, Release, Source
from scalingar.models.options import Choice

_REPO = "Daniel0724/SimpleAR"
_DECODER = "decoder.jit"


def _build(source: Source, choice: Choice) -> Network:
    from scalingar.models.simplear.simplear import IMAGE_SIZE, NEGATIVE_PROMPT, load_simplear  # noqa: PLC0415  needs transformers

    transformer, decoder = source.pair
    image_size, negative = map(choice.get, (options.IMAGE_SIZE, options.NEGATIVE_PROMPT))
    return Network(
        *load_simplear(
            transformer,
            decoder,
            device=choice.device,
            dtype=choice.dtype,
            image_size=IMAGE_SIZE if image_size is None else image_size,
            negative_prompt=NEGATIVE_PROMPT if negative is None else negative,
        )
    )


def _release(name: str) -> Release:
    return Release(
        repo=_REPO,
        file=f"simplear_{name}/",
        tokenizer_repo="nvidia/Cosmos-1.0-Tokenizer-DV8x16x16",
        tokenizer_file=_DECODER,
    )


FAMILY = Family(
    name="simplear",
    title="SimpleAR",
    decodes="next-token",
    default_strategy="scaling-ar",
    options=(options.VARIANT, options.TOKENIZER, options.IMAGE_SIZE, options.NEGATIVE_PROMPT),
    build=_build,
    model_type="qwen2",
    extra="hf",
    no_conversion="transformers' folders are read as they are",
    tokenizer_file=_DECODER,
    releases={
        _REPO: {
            f"{size}-{stage}".lower(): _release(f"{size}_{stage}")
            for size in ("0.5B", "1.5B")
            for stage in ("sft", "rl")
        }
    },
)
FAMILIES.register(FAMILY.name)(FAMILY)
