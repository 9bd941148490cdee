"""LlamaGen and its kin: transformer, tokenizer and how captions reach them."""

from pathlib import Path

from scalingar.models.defaults import Defaults
from scalingar.models.llamagen.released import check_pair, family, load_llamagen, load_vq
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.prompts.encoders import LabelEncoder, PromptEncoder
from scalingar.models.prompts.feature_cache import FeatureCache, default_folder
from scalingar.models.prompts.t5 import T5Encoder
from scalingar.models.prompts.t5_loading import FLAN_T5_XL
from scalingar.models.weights.parts import Parts
from scalingar.pipeline.loading.defaults import DEFAULTS
from scalingar.pipeline.loading.loaded import Loaded
from scalingar.pipeline.loading.options import Options


def load_llamagen_parts(name: str | Path, parts: Parts, tokenizer_place: Path, options: Options) -> Loaded:
    """A published LlamaGen or AR-GRPO. Raises WeightsError, ConfigError."""
    options.refuse(name, "aspect_ratio")
    model = load_llamagen(
        parts.transformer,
        device=options.device,
        dtype=options.dtype,
        grid=options.grid,
        image_size=options.image_size,
        heads=options.heads,
    )
    tokenizer = load_vq(tokenizer_place, device=options.device)
    check_pair(model, tokenizer)
    defaults = DEFAULTS[family(parts.transformer)]
    prompts = llamagen_prompts(name, model, options, defaults)
    return Loaded.of(name, model, tokenizer, prompts, defaults, parts.transformer, tokenizer_place)


def llamagen_prompts(name: str | Path, model: LlamaGen, options: Options, defaults: Defaults) -> PromptEncoder:
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
