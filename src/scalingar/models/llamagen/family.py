"""The LlamaGen family, with AR-GRPO's fine-tuned models: recognising, loading and converting their files."""

from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models import options
from scalingar.models.author_defaults import Defaults
from scalingar.models.family import FAMILIES, Family, Network, Part, Source
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.names import TOKENIZER_PARTS, TRANSFORMER_PARTS, from_llama_names, part
from scalingar.models.llamagen.released import (
    check_pair,
    checkpoint,
    known_size,
    load_llamagen,
    load_vq,
)
from scalingar.models.llamagen.releases import DEFAULTS, RELEASES
from scalingar.models.llamagen.shapes import llamagen_shape, shape_by_config
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import VQConfig, VQTokenizer
from scalingar.models.model_folder import PIPELINE, Component, FolderFormat, PackageInfo, check_grammar
from scalingar.models.options import Choice
from scalingar.models.prompts.encoders import GrammarEncoder, LabelEncoder, PromptEncoder
from scalingar.models.prompts.feature_cache import FeatureCache, default_folder
from scalingar.models.prompts.t5 import T5Encoder
from scalingar.models.prompts.t5_loading import FLAN_T5_XL
from scalingar.models.weights.checkpoint import Contents
from scalingar.models.weights.containers import CONTAINERS

TRANSFORMER_MARKS = ("tok_embeddings.weight", "model.embed_tokens.weight")
"""One of these is in every transformer, besides ``cls_embedding``; the last is LANTERN's."""

_AVERAGED = ("ema", *CONTAINERS)
_FILES = (options.VARIANT, options.TOKENIZER)
_READING = (options.TEXT_ENCODER, options.CLEAN_CAPTION)
_RUNNING = (options.COLLAPSE_PREFIX, options.COMPILE, options.CUDA_GRAPHS)
_SIZES = (options.GRID, options.IMAGE_SIZE, options.HEADS)


def _parts(contents: Contents) -> Set[Part]:
    parts: set[Part] = set()
    tensors = part(contents.weights_or_empty(), TRANSFORMER_PARTS)
    if any(mark in tensors for mark in TRANSFORMER_MARKS) and any("cls_embedding." in name for name in tensors):
        parts.add("transformer")
    tensors = part(contents.weights_or_empty(_AVERAGED), TOKENIZER_PARTS)
    if "quantize.embedding.weight" in tensors and any(name.startswith("encoder.conv_blocks.") for name in tensors):
        parts.add("tokenizer")
    return parts


def _official(contents: Contents, kind: Part) -> Mapping[str, Tensor]:
    if kind == "transformer":
        return from_llama_names(part(contents.weights(), TRANSFORMER_PARTS))
    return part(contents.weights(_AVERAGED), TOKENIZER_PARTS)


def _build(source: Source, choice: Choice) -> Network:
    transformer, tokenizer_path = source.pair
    grid, image_size = choice.get(options.GRID), choice.get(options.IMAGE_SIZE)
    size = known_size(transformer, grid=grid, image_size=image_size)
    if source.release is not None and grid is None and image_size is None:
        grid = source.release.grid
        # What was published together fits, whatever the file is called.
        size = None if choice.get(options.TOKENIZER) is None else size
    model = load_llamagen(
        transformer,
        device=choice.device,
        dtype=choice.dtype,
        grid=grid,
        image_size=image_size,
        heads=choice.get(options.HEADS),
        collapse_prefix=choice.get(options.COLLAPSE_PREFIX),
    )
    tokenizer = load_vq(tokenizer_path, device=choice.device)
    check_pair(model, tokenizer, size)
    defaults = DEFAULTS[checkpoint(transformer)]
    prompts = _prompts(source.name, model, choice, defaults, FLAN_T5_XL)
    return Network(_running(model, choice), tokenizer, prompts, defaults)


def _running(model: LlamaGen, choice: Choice) -> LlamaGen:
    model.cuda_graphs = choice.get(options.CUDA_GRAPHS)
    if choice.get(options.COMPILE):
        model.compile()
    return model


def _prompts(
    name: str | Path, model: LlamaGen, choice: Choice, defaults: Defaults, encoder: str | Path
) -> PromptEncoder:
    """Class labels, captions through T5, or the caller's own encoder."""
    config = model.config
    if config.condition == "class":
        choice.check((*_FILES, *_SIZES, *_RUNNING), f"{name}, which reads class labels,")
        return LabelEncoder(config.condition_vocab)
    text_encoder = choice.get(options.TEXT_ENCODER)
    if callable(text_encoder):
        return text_encoder
    return T5Encoder(
        path=text_encoder or encoder,
        slots=config.condition_tokens,
        width=config.caption_dim,
        padding=defaults.padding,
        zero_pads=defaults.zero_pads,
        clean=choice.get(options.CLEAN_CAPTION) is not False,
        device=choice.device,
        dtype=choice.dtype,
        kept=FeatureCache(default_folder()),
    )


# --- model folders -----------------------------------------------------------------------------


def _make(config: LlamaGenConfig, choice: Choice) -> LlamaGen:
    return _running(LlamaGen(config, collapse_prefix=choice.get(options.COLLAPSE_PREFIX)), choice)


_READ_AS = {"words": "grammar", "class": "label", "text": "caption"}


def _check(folder: Path, info: PackageInfo, model: LlamaGen, tokenizer: Any) -> None:
    """Description, transformer and tokenizer agree, and so do the model's vocabulary and this version's."""
    check_pair(model, tokenizer)
    config = model.config
    if info.text != _READ_AS[config.condition]:
        raise WeightsError(f"{folder / PIPELINE} says text {info.text!r}; the transformer reads {config.condition!r}.")
    check_grammar(folder, config.condition_vocab if config.condition == "words" else None)


def _folder_prompts(folder: Path, info: PackageInfo, model: LlamaGen, choice: Choice) -> PromptEncoder:
    if info.text == "grammar":
        choice.check(_RUNNING, f"{folder}, which reads a fixed vocabulary,")
        return GrammarEncoder(model.config.condition_tokens)
    defaults = Defaults(
        guidance_scale=info.guidance_scale, sampling=info.sampling, padding=info.padding, zero_pads=info.zero_pads
    )
    return _prompts(folder, model, choice, defaults, info.text_encoder)


FAMILY = Family(
    name="llamagen",
    title="LlamaGen and AR-GRPO",
    decodes="next-token",
    default_strategy="scaling-ar",
    options=(*_FILES, *_SIZES, *_READING, *_RUNNING),
    build=_build,
    parts=_parts,
    official=_official,
    shape=llamagen_shape,
    folder=FolderFormat(
        transformer=Component(network=LlamaGen, config=LlamaGenConfig, make=_make),
        tokenizer=Component(network=VQTokenizer, config=VQConfig, make=lambda config, _: VQTokenizer(config)),
        check=_check,
        prompts=_folder_prompts,
        options=(*_READING, *_RUNNING),
        shape=shape_by_config,
    ),
    releases=RELEASES,
)
FAMILIES.register(FAMILY.name)(FAMILY)
