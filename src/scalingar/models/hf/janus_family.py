"""The Janus family: folders written by transformers."""

from dataclasses import replace

from scalingar.models import options
from scalingar.models.family import FAMILIES, Family, Network, Release, Source
from scalingar.models.options import Choice


def _build(source: Source, choice: Choice) -> Network:
    from scalingar.models.hf.janus import load_janus  # noqa: PLC0415  needs transformers

    model, images, prompts, defaults = load_janus(source.transformer, device=choice.device, dtype=choice.dtype)
    return Network(replace(model, cuda_graphs=choice.get(options.CUDA_GRAPHS)), images, prompts, defaults)


def _release(size: str) -> dict[str, dict[str, Release]]:
    repo = f"deepseek-community/Janus-Pro-{size}"
    return {repo: {size.lower(): Release(repo=repo, tokenizer_repo=repo)}}


FAMILY = Family(
    name="janus",
    title="Janus and Janus-Pro",
    decodes="next-token",
    default_strategy="scaling-ar",
    options=(options.CUDA_GRAPHS,),
    build=_build,
    model_type="janus",
    extra="hf",
    no_conversion="transformers' folders are read as they are",
    instead={
        "multi_modality": "deepseek-community/Janus-Pro-1B or 7B",
        **{f"deepseek-ai/Janus-Pro-{size}": f"deepseek-community/Janus-Pro-{size}" for size in ("1B", "7B")},
        "deepseek-ai/Janus-1.3B": "deepseek-community/Janus-Pro-1B",
    },
    releases={**_release("1B"), **_release("7B")},
)
FAMILIES.register(FAMILY.name)(FAMILY)
