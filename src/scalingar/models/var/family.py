"""The VAR family: recognising, loading and converting its files."""

from collections.abc import Mapping, Set
from pathlib import Path

from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models import options
from scalingar.models.author_defaults import Defaults
from scalingar.models.family import FAMILIES, Family, Network, Part, Release, Source
from scalingar.models.model_folder import PIPELINE, Component, FolderFormat, PackageInfo, check_grammar
from scalingar.models.options import Choice
from scalingar.models.prompts.encoders import GrammarEncoder, LabelEncoder, PromptEncoder
from scalingar.models.var.config import VARConfig
from scalingar.models.var.multiscale_vq import MultiScaleVQ, MultiScaleVQConfig
from scalingar.models.var.released import (
    TOKENIZER_MARK,
    TRAINED_TOKENIZER,
    TRAINED_TRANSFORMER,
    TRANSFORMER_MARK,
    check_pair,
    load_multiscale_vq,
    load_var,
)
from scalingar.models.var.shapes import shape_by_config, var_shape
from scalingar.models.var.transformer import VAR
from scalingar.models.weights.checkpoint import Contents
from scalingar.models.weights.containers import CONTAINERS

DEFAULTS = Defaults(guidance_scale=5.0, sampling=SamplingConfig(top_k=900, top_p=0.95))
"""Of VAR's demonstration, whose cfg = 4 is s = 5 here. FID was measured at cfg = 1.5, top-p 0.96, top-k 900."""

_REPO = "FoundationVision/var"
_CONTAINERS: dict[Part, tuple[str, ...]] = {
    "transformer": (*TRAINED_TRANSFORMER, *CONTAINERS),
    "tokenizer": (*TRAINED_TOKENIZER, *CONTAINERS),
}
_MARKS: dict[Part, str] = {"transformer": TRANSFORMER_MARK, "tokenizer": TOKENIZER_MARK}


def _parts(contents: Contents) -> Set[Part]:
    return {part for part, mark in _MARKS.items() if mark in contents.weights_or_empty(_CONTAINERS[part])}


def _official(contents: Contents, part: Part) -> Mapping[str, Tensor]:
    return contents.weights(_CONTAINERS[part])


def _build(source: Source, choice: Choice) -> Network:
    transformer, tokenizer_path = source.pair
    model = load_var(transformer, device=choice.device, dtype=choice.dtype, heads=choice.get(options.HEADS))
    tokenizer = load_multiscale_vq(tokenizer_path, model.config.sides, device=choice.device)
    check_pair(model, tokenizer)
    return Network(model, tokenizer, LabelEncoder(model.config.condition_vocab), DEFAULTS)


# --- model folders -----------------------------------------------------------------------------


def _check(folder: Path, info: PackageInfo, model: VAR, tokenizer: MultiScaleVQ) -> None:
    """Description, transformer and tokenizer agree, and so do the model's vocabulary and this version's."""
    check_pair(model, tokenizer)
    config = model.config
    if info.text != ("grammar" if config.condition == "words" else "label"):
        raise WeightsError(f"{folder / PIPELINE} says text {info.text!r}; the transformer reads {config.condition!r}.")
    check_grammar(folder, config.condition_vocab if config.condition == "words" else None)


def _folder_prompts(folder: Path, info: PackageInfo, model: VAR, choice: Choice) -> PromptEncoder:
    config = model.config
    return GrammarEncoder(config.condition_tokens) if info.text == "grammar" else LabelEncoder(config.condition_vocab)


FAMILY = Family(
    name="var",
    title="VAR",
    decodes="next-scale",
    default_strategy="tts-var",
    options=(options.VARIANT, options.TOKENIZER, options.HEADS),
    build=_build,
    parts=_parts,
    official=_official,
    folder=FolderFormat(
        transformer=Component(network=VAR, config=VARConfig, make=lambda config, _: VAR(config)),
        tokenizer=Component(
            network=MultiScaleVQ, config=MultiScaleVQConfig, make=lambda config, _: MultiScaleVQ(config)
        ),
        check=_check,
        prompts=_folder_prompts,
        options=(),
        shape=shape_by_config,
    ),
    releases={
        _REPO: {
            size: Release(
                repo=_REPO, file=f"var_{size}.pth", tokenizer_repo=_REPO, tokenizer_file="vae_ch160v4096z32.pth"
            )
            for size in ("d16", "d20", "d24", "d30", "d36")
        }
    },
    shape=var_shape,
)
FAMILIES.register(FAMILY.name)(FAMILY)
