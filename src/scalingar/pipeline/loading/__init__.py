"""From a name, file or folder to the parts of a pipeline, whoever published them."""

import json
from importlib import import_module
from pathlib import Path

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.weights.hub import fetch, release, split_name
from scalingar.models.weights.parts import Parts
from scalingar.pipeline.loading.load_next_scale import load_infinity_parts, load_var_parts
from scalingar.pipeline.loading.load_next_token import load_llamagen_parts
from scalingar.pipeline.loading.loaded import Loaded
from scalingar.pipeline.loading.locating import locate
from scalingar.pipeline.loading.model_folder import PIPELINE
from scalingar.pipeline.loading.options import Options
from scalingar.pipeline.loading.own_models import EMBEDDED, load_embedded, load_folder

__all__ = ["EMBEDDED", "Loaded", "Options", "load"]

_TRANSFORMERS = ("janus", "emu3")
"""Model types of transformers' own, each with a module of this name."""

_LOADERS = {"llamagen": load_llamagen_parts, "var": load_var_parts, "infinity": load_infinity_parts}
"""By the family that a transformer's tensors tell."""


def load(model: str | Path, options: Options) -> Loaded:
    """An embedded model by its name, a file, a folder, or a name on the hub. Raises WeightsError, ConfigError."""
    loaded = _load(model, options)
    if options.collapse_prefix is not None:
        if not isinstance(loaded.model, LlamaGen):
            raise ConfigError(f"collapse_prefix is {options.collapse_prefix}; only LlamaGen's prefix can be collapsed.")
        loaded.model.collapse_prefix = options.collapse_prefix
        _ = loaded.model.collapses  # refuses now what decoding would
    if options.compile:
        if not isinstance(loaded.model, LlamaGen):
            raise ConfigError(f"compile is True; {model} has no step that can be compiled, only LlamaGen's family has.")
        loaded.model.compile()
    return loaded


def _load(model: str | Path, options: Options) -> Loaded:
    if model in EMBEDDED:
        return load_embedded(str(model), options)
    folder = Path(model).expanduser()
    name = split_name(str(model))
    if not folder.exists() and name is not None and release(name[0], options.variant or name[1]) is None:
        folder = fetch(name[0])  # not in the table: it may be anything a folder may be
        model = folder
    if (folder / PIPELINE).is_file():
        return load_folder(folder, options)
    kind = _model_type(folder)
    if kind in _TRANSFORMERS:
        return _from_transformers(folder, kind, options)
    return _from_released(model, *locate(model, options))


def _from_transformers(folder: Path, kind: str, options: Options) -> Loaded:
    options.refuse(folder, "variant", "tokenizer", "text_encoder", "grid", "image_size", "aspect_ratio", "heads")
    loader = getattr(import_module(f"scalingar.models.hf.{kind}"), f"load_{kind}")
    model, tokenizer, prompts, defaults = loader(folder, device=options.device, dtype=options.dtype)
    return Loaded.of(folder, model, tokenizer, prompts, defaults, folder)


def _from_released(name: str | Path, parts: Parts, options: Options) -> Loaded:
    place = options.tokenizer or parts.tokenizer
    if place is None:
        raise WeightsError(f"{parts.transformer} holds a transformer only; give its tokenizer's file as tokenizer.")
    return _LOADERS[parts.family](name, parts, Path(place).expanduser(), options)


def _model_type(path: Path) -> str:
    """What ``config.json`` says, for models of transformers' own."""
    try:
        content = json.loads((path / "config.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(content.get("model_type", "")) if isinstance(content, dict) else ""
