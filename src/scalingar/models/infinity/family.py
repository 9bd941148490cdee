"""The Infinity family: recognising, loading and converting its files."""

import re
from collections.abc import Mapping, Set
from pathlib import Path

from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models import options
from scalingar.models.author_defaults import Defaults
from scalingar.models.family import FAMILIES, Family, Network, Part, Release, Source
from scalingar.models.infinity.config import InfinityConfig
from scalingar.models.infinity.released import (
    TRAINING,
    TRANSFORMER_MARK,
    VAE_MARKS,
    build_infinity,
    infinity_config,
    infinity_size,
    load_bsq_vae,
    pair,
    read_infinity,
)
from scalingar.models.infinity.schedules import PIXELS, PRESETS, TEMPLATES, InfinitySchedule, infinity_schedule
from scalingar.models.infinity.shapes import infinity_shape
from scalingar.models.options import Choice, width_and_height
from scalingar.models.prompts.encoders import PromptEncoder
from scalingar.models.prompts.feature_cache import FeatureCache, default_folder
from scalingar.models.prompts.infinity_prompts import infinity_prompts
from scalingar.models.prompts.t5_loading import FLAN_T5_XL
from scalingar.models.shape import Shape
from scalingar.models.weights.checkpoint import Contents
from scalingar.models.weights.containers import CONTAINERS

_REPO = "FoundationVision/Infinity"
_CONTAINERS: dict[Part, tuple[str, ...]] = {
    "transformer": (*TRAINING, *CONTAINERS),
    "tokenizer": ("vae", *CONTAINERS, *TRAINING),
}
_SMALLEST, _LARGEST = "0.06M", "1M"
_NAMED_SIZE = re.compile(r"(?<!\d)(\d{3,4})x\1(?!\d)")
_SQUARES = {PIXELS * TEMPLATES[1.0][count - 1][0]: preset for preset, count in PRESETS.items()}
"""Presets by the side of a square image in pixels."""


_OTHER_VAES = ("quantize.embedding.weight", "decoder.conv_norm_out.weight")
"""Tensors of autoencoders with a codebook, and of those of diffusers."""


def _parts(contents: Contents) -> Set[Part]:
    parts: set[Part] = set()
    if TRANSFORMER_MARK in contents.weights_or_empty(_CONTAINERS["transformer"]):
        parts.add("transformer")
    tensors = contents.weights_or_empty(_CONTAINERS["tokenizer"])
    if any(mark in tensors for mark in VAE_MARKS) and not any(mark in tensors for mark in _OTHER_VAES):
        parts.add("tokenizer")
    return parts


def _official(contents: Contents, part: Part) -> Mapping[str, Tensor]:
    return contents.weights(_CONTAINERS[part])


def _build(source: Source, choice: Choice) -> Network:
    transformer, vae_path = source.pair
    weights = read_infinity(transformer)
    config = infinity_config(weights, transformer)
    size = infinity_size(config)
    image_size = None if source.release is None else source.release.image_size
    preset = _default_preset(transformer, size) if image_size is None else _SQUARES[image_size]
    prompts = _prompts(config, choice)
    negative = choice.get(options.NEGATIVE_PROMPT)
    model = build_infinity(
        weights,
        transformer,
        _schedule(choice, preset),
        device=choice.device,
        dtype=choice.dtype,
        negative=None if negative is None else prompts([negative]),
    )
    tokenizer = pair(model, load_bsq_vae(vae_path, device=choice.device), transformer, vae_path)
    return Network(model, tokenizer, prompts, _defaults(size))


def _schedule(choice: Choice, default: str) -> InfinitySchedule:
    """From ``image_size`` and ``aspect_ratio``; by default a square of the preset ``default``. Raises ConfigError."""
    image_size, aspect_ratio = choice.get(options.IMAGE_SIZE), choice.get(options.ASPECT_RATIO)
    preset = default if image_size is None else _SQUARES.get(image_size)
    if preset is None:
        raise ConfigError(
            f"image_size is {image_size}; Infinity draws {', '.join(map(str, _SQUARES))} (images of other aspect "
            "ratios have as many pixels as the square)."
        )
    width, height = width_and_height(1.0 if aspect_ratio is None else aspect_ratio)
    return infinity_schedule(height / width, preset)


def _default_preset(path: Path, size: str | None) -> str:
    """The preset the weights were trained for, by the name of their file or folder, or by their size."""
    named = _NAMED_SIZE.search(path.name)
    known = None if named is None else _SQUARES.get(int(named[1]))
    return known or (_SMALLEST if size == "125M" else _LARGEST)


def _prompts(config: InfinityConfig, choice: Choice) -> PromptEncoder:
    text_encoder = choice.get(options.TEXT_ENCODER)
    if callable(text_encoder):
        return text_encoder
    return infinity_prompts(
        text_encoder or FLAN_T5_XL,
        slots=config.text_tokens,
        width=config.text_dim,
        device=choice.device,
        dtype=choice.dtype,
        kept=FeatureCache(default_folder()),
    )


def _defaults(size: str | None) -> Defaults:
    """Of Infinity's scripts, which set temperature 0.5 for 2B and 1 for 8B and do not mention 125M."""
    temperature = 1.0 if size == "8B" else 0.5
    return Defaults(guidance_scale=3.0, sampling=SamplingConfig(temperature=temperature, top_p=0.97))


def _release(file: str, vae: str, image_size: int) -> Release:
    return Release(
        repo=_REPO,
        file=file,
        tokenizer_repo=_REPO,
        tokenizer_file=f"infinity_vae_{vae}.pth",
        image_size=image_size,
    )


def _shape(release: Release) -> Shape:
    assert release.image_size is not None
    return infinity_shape(release, _SQUARES[release.image_size])


FAMILY = Family(
    name="infinity",
    title="Infinity",
    decodes="next-scale",
    default_strategy="tts-var",
    options=(
        options.VARIANT,
        options.TOKENIZER,
        options.IMAGE_SIZE,
        options.ASPECT_RATIO,
        options.TEXT_ENCODER,
        options.NEGATIVE_PROMPT,
    ),
    build=_build,
    parts=_parts,
    official=_official,
    shape=_shape,
    releases={
        _REPO: {
            "125m-256": _release("infinity_125M_256x256.pth", "d16", 256),
            "2b-1024": _release("infinity_2b_reg.pth", "d32reg", 1024),
            "8b-512": _release("infinity_8b_512x512_weights/", "d56_f8_14_patchify", 512),
            "8b-1024": _release("infinity_8b_weights/", "d56_f8_14_patchify", 1024),
        }
    },
)
FAMILIES.register(FAMILY.name)(FAMILY)
