"""This project's own models: the embedded ones, and folders that ``scalingar convert`` wrote."""

from dataclasses import replace
from pathlib import Path

import torch

from scalingar.core.errors import WeightsError
from scalingar.models.defaults import Defaults
from scalingar.models.embedded.places import embedded_folder
from scalingar.models.prompts.encoders import GrammarEncoder, LabelEncoder, PromptEncoder
from scalingar.pipeline.loading.load_next_token import llamagen_prompts
from scalingar.pipeline.loading.loaded import Loaded
from scalingar.pipeline.loading.model_folder import (
    Kind,
    PackageInfo,
    load_package,
    load_scale_package,
    read_info,
    weight_hashes,
)
from scalingar.pipeline.loading.options import Options

EMBEDDED: dict[str, Kind] = {"embedded": "next-token", "embedded-next-scale": "next-scale"}
"""The models that come with the package, by name."""


def load_embedded(name: str, options: Options) -> Loaded:
    """One of :data:`EMBEDDED`. Raises WeightsError, ConfigError."""
    folder = embedded_folder(EMBEDDED[name])
    if not folder.is_dir():
        raise WeightsError(f"the model {name!r} is missing from this installation ({folder}).")
    return load_folder(folder, options)


def load_folder(folder: Path, options: Options) -> Loaded:
    """A folder with a ``pipeline.json``. Raises WeightsError, ConfigError."""
    options.refuse(folder, "variant", "tokenizer", "grid", "image_size", "aspect_ratio", "heads")
    if read_info(folder).family == "var":
        return _next_scale(folder, options)
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
        prompts = llamagen_prompts(folder, model, replace(options, text_encoder=options.text_encoder or own), defaults)
    return _loaded(folder, info, model, tokenizer, prompts)


def _next_scale(folder: Path, options: Options) -> Loaded:
    options.refuse(folder, "text_encoder")
    info, model, tokenizer = load_scale_package(folder, device=torch.device(options.device), dtype=options.dtype)
    config = model.config
    prompts = (
        GrammarEncoder(config.condition_tokens) if info.text == "grammar" else LabelEncoder(config.condition_vocab)
    )
    return _loaded(folder, info, model, tokenizer, prompts)


def _loaded(folder: Path, info: PackageInfo, model: object, tokenizer: object, prompts: PromptEncoder) -> Loaded:
    return Loaded(
        name=info.name,
        model=model,
        tokenizer=tokenizer,
        encode_prompts=prompts,
        guidance_scale=info.guidance_scale,
        sampling=info.sampling,
        hashes=weight_hashes(folder),
    )
