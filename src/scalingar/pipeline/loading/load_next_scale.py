"""VAR and Infinity: transformer, tokenizer on its schedule, and how prompts reach them."""

import re
from pathlib import Path

from scalingar.core.errors import ConfigError
from scalingar.models.infinity import released as infinity_released
from scalingar.models.infinity.schedules import PIXELS, PRESETS, TEMPLATES, InfinitySchedule, infinity_schedule
from scalingar.models.infinity.transformer import Infinity
from scalingar.models.prompts.encoders import LabelEncoder, PromptEncoder
from scalingar.models.prompts.feature_cache import FeatureCache, default_folder
from scalingar.models.prompts.infinity_prompts import infinity_prompts
from scalingar.models.prompts.t5_loading import FLAN_T5_XL
from scalingar.models.var import released as var_released
from scalingar.models.weights.parts import Parts
from scalingar.pipeline.loading.defaults import VAR_DEFAULTS, infinity_defaults
from scalingar.pipeline.loading.loaded import Loaded
from scalingar.pipeline.loading.options import Options

_SMALLEST, _LARGEST = "0.06M", "1M"
_NAMED_SIZE = re.compile(r"(?<!\d)(\d{3,4})x\1(?!\d)")
SIZES = {PIXELS * TEMPLATES[1.0][count - 1][0]: preset for preset, count in PRESETS.items()}
"""Sides of Infinity's square pictures in pixels, to the presets they are called by."""


def load_var_parts(name: str | Path, parts: Parts, tokenizer_place: Path, options: Options) -> Loaded:
    """A published VAR; its prompts are class labels. Raises WeightsError, ConfigError."""
    options.refuse(name, "text_encoder", "grid", "image_size", "aspect_ratio")
    model = var_released.load_var(parts.transformer, device=options.device, dtype=options.dtype, heads=options.heads)
    tokenizer = var_released.load_multiscale_vq(tokenizer_place, model.config.sides, device=options.device)
    var_released.check_pair(model, tokenizer)
    labels = LabelEncoder(model.config.condition_vocab)
    return Loaded.of(name, model, tokenizer, labels, VAR_DEFAULTS, parts.transformer, tokenizer_place)


def load_infinity_parts(name: str | Path, parts: Parts, tokenizer_place: Path, options: Options) -> Loaded:
    """A published Infinity on the schedule of the picture that is wanted. Raises WeightsError, ConfigError."""
    options.refuse(name, "grid", "heads")
    place = parts.transformer
    # The smallest first: how many scales the model knows is only told by its weights.
    model = infinity_released.load_infinity(
        place, infinity_schedule(preset=_SMALLEST), device=options.device, dtype=options.dtype
    )
    size = infinity_released.infinity_size(model.config)
    model.schedule = schedule(options, default_size(place, size))
    vae = infinity_released.load_bsq_vae(tokenizer_place, device=options.device)
    tokenizer = infinity_released.pair(model, vae, place, tokenizer_place)
    prompts = _infinity_prompts(model, options)
    return Loaded.of(name, model, tokenizer, prompts, infinity_defaults(size), place, tokenizer_place)


def schedule(options: Options, default: str) -> InfinitySchedule:
    """Of ``image_size`` and ``aspect_ratio``, a square of the preset ``default`` without them. Raises ConfigError."""
    preset = default if options.image_size is None else SIZES.get(options.image_size)
    if preset is None:
        raise ConfigError(
            f"image_size is {options.image_size}; Infinity draws {', '.join(map(str, SIZES))} (pictures of other "
            "aspect ratios have as many pixels as the square)."
        )
    ratio = 1.0 if options.aspect_ratio is None else options.aspect_ratio
    if not ratio > 0:
        raise ConfigError(f"aspect_ratio is {ratio}; width over height must be a positive number, such as 1.5.")
    return infinity_schedule(1 / ratio, preset)


def default_size(place: Path, size: str | None) -> str:
    """The preset the weights were made for, by the name of their file or folder, or by their size."""
    named = _NAMED_SIZE.search(place.name)
    known = None if named is None else SIZES.get(int(named[1]))
    return known or (_SMALLEST if size == "125M" else _LARGEST)


def _infinity_prompts(model: Infinity, options: Options) -> PromptEncoder:
    given = options.text_encoder
    if callable(given):
        return given
    return infinity_prompts(
        given or FLAN_T5_XL,
        slots=model.config.text_tokens,
        width=model.config.text_dim,
        device=options.device,
        dtype=options.dtype,
        kept=FeatureCache(default_folder()),
    )
