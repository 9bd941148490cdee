"""From a name, file or folder to the parts of a pipeline, whoever published them."""

import json
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from scalingar.decoding.next_token import NextTokenModel
from scalingar.decoding.sampling import SamplingConfig
from scalingar.defaults import DEFAULTS, Defaults
from scalingar.errors import ConfigError, WeightsError
from scalingar.locating import Options, locate
from scalingar.models.checkpoint import file_hashes
from scalingar.models.hub import fetch, release, split_name
from scalingar.models.image_tokenizer import ImageTokenizer
from scalingar.models.llamagen import LlamaGen
from scalingar.models.parts import Parts
from scalingar.models.released import check_pair, family, load_llamagen, load_vq
from scalingar.package import PIPELINE, embedded_folder, load_package, weight_hashes
from scalingar.prompts import GrammarEncoder, LabelEncoder, PromptEncoder
from scalingar.text.feature_cache import FeatureCache, default_folder
from scalingar.text.t5 import T5Encoder
from scalingar.text.t5_loading import FLAN_T5_XL

_TRANSFORMERS = ("janus", "emu3")
"""Model types of transformers' own, each with a module of this name."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The parts of a pipeline."""

    name: str
    model: NextTokenModel[Any, Any]
    tokenizer: ImageTokenizer
    encode_prompts: PromptEncoder
    guidance_scale: float
    sampling: SamplingConfig
    hashes: dict[str, str]


def load(model: str | Path, options: Options) -> Loaded:
    """``"embedded"``, a file, a folder, or a name on the hub. Raises WeightsError, ConfigError."""
    loaded = _load(model, options)
    if options.collapse_prefix is not None:
        if not isinstance(loaded.model, LlamaGen):
            raise ConfigError(f"collapse_prefix is {options.collapse_prefix}; only LlamaGen's prefix can be collapsed.")
        loaded.model.collapse_prefix = options.collapse_prefix
        _ = loaded.model.collapses  # refuses now what decoding would
    return loaded


def _load(model: str | Path, options: Options) -> Loaded:
    if model == "embedded":
        if not embedded_folder().is_dir():
            raise WeightsError(f"the embedded model is missing from this installation ({embedded_folder()}).")
        return _from_package(embedded_folder(), options)
    folder = Path(model).expanduser()
    name = split_name(str(model))
    if not folder.exists() and name is not None and release(name[0], options.variant or name[1]) is None:
        folder = fetch(name[0])  # not in the table: it may be anything a folder may be
        model = folder
    if (folder / PIPELINE).is_file():
        return _from_package(folder, options)
    kind = _model_type(folder)
    if kind in _TRANSFORMERS:
        return _from_transformers(folder, kind, options)
    return _from_released(model, *locate(model, options))


def _from_package(folder: Path, options: Options) -> Loaded:
    options.refuse(folder, "variant", "tokenizer", "grid", "image_size", "heads")
    info, model, tokenizer = load_package(folder, device=torch.device(options.device), dtype=options.dtype)
    defaults = Defaults(
        guidance_scale=info.guidance_scale, sampling=info.sampling, padding=info.padding, zero_pads=info.zero_pads
    )
    prompts: PromptEncoder
    if info.text == "grammar":
        options.refuse(folder, "text_encoder")
        prompts = GrammarEncoder(model.config.condition_tokens)
    else:
        own = info.text_encoder if info.text == "caption" else None
        prompts = _prompts(folder, model, replace(options, text_encoder=options.text_encoder or own), defaults)
    return Loaded(
        name=info.name,
        model=model,
        tokenizer=tokenizer,
        encode_prompts=prompts,
        guidance_scale=info.guidance_scale,
        sampling=info.sampling,
        hashes=weight_hashes(folder),
    )


def _from_transformers(folder: Path, kind: str, options: Options) -> Loaded:
    options.refuse(folder, "variant", "tokenizer", "text_encoder", "grid", "image_size", "heads")
    loader = getattr(import_module(f"scalingar.models.{kind}"), f"load_{kind}")
    model, tokenizer, prompts, defaults = loader(folder, device=options.device, dtype=options.dtype)
    return _loaded(folder, model, tokenizer, prompts, defaults, folder)


def _from_released(name: str | Path, parts: Parts, options: Options) -> Loaded:
    place = options.tokenizer or parts.tokenizer
    if place is None:
        raise WeightsError(f"{parts.transformer} holds a transformer only; give its tokenizer's file as tokenizer.")
    model = load_llamagen(
        parts.transformer,
        device=options.device,
        dtype=options.dtype,
        grid=options.grid,
        image_size=options.image_size,
        heads=options.heads,
    )
    tokenizer = load_vq(place, device=options.device)
    check_pair(model, tokenizer)
    defaults = DEFAULTS[family(parts.transformer)]
    return _loaded(
        name, model, tokenizer, _prompts(name, model, options, defaults), defaults, parts.transformer, Path(place)
    )


def _loaded(
    name: str | Path, model: Any, tokenizer: ImageTokenizer, prompts: PromptEncoder, defaults: Defaults, *places: Path
) -> Loaded:
    return Loaded(
        name=str(name),
        model=model,
        tokenizer=tokenizer,
        encode_prompts=prompts,
        guidance_scale=defaults.guidance_scale,
        sampling=defaults.sampling,
        hashes=file_hashes(*places),
    )


def _prompts(name: str | Path, model: LlamaGen, options: Options, defaults: Defaults) -> PromptEncoder:
    """Labels as numbers, or captions through T5, or what the caller brought."""
    given = options.text_encoder
    config = model.config
    if config.condition == "class":
        options.refuse(name, "text_encoder")
        return LabelEncoder(config.condition_vocab)
    if callable(given):
        return given
    return T5Encoder(
        path=given or FLAN_T5_XL,
        slots=config.condition_tokens,
        width=config.caption_dim,
        padding=defaults.padding,
        zero_pads=defaults.zero_pads,
        clean=options.clean_caption,
        device=options.device,
        dtype=options.dtype,
        kept=FeatureCache(default_folder()),
    )


def _model_type(path: Path) -> str:
    """What ``config.json`` says, for models of transformers' own."""
    try:
        content = json.loads((path / "config.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(content.get("model_type", "")) if isinstance(content, dict) else ""
