"""Loading published Infinity checkpoints and autoencoders; their sizes follow from tensor shapes."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.autoencoder.autoencoder import AutoencoderConfig
from scalingar.models.infinity.bsq_vae import BSQTokenizer, BSQVae
from scalingar.models.infinity.config import SIZES, InfinityConfig
from scalingar.models.infinity.names import chunk_sizes, from_infinity_names, from_vae_names
from scalingar.models.infinity.schedules import InfinitySchedule, infinity_schedule
from scalingar.models.infinity.transformer import Avoided, Infinity
from scalingar.models.weights.build_module import build_module
from scalingar.models.weights.checkpoint import read_weights
from scalingar.models.weights.containers import CONTAINERS
from scalingar.models.weights.shapes import Shapes

_LONGEST_TEXT = 512
TRANSFORMER_MARK = "text_proj_for_sos.ca.mat_q"
VAE_MARKS = ("decoder.conv_in.weight", "decoder.conv_in.conv.weight")
"""Tensors by which the models are recognised; the autoencoder's in either spelling, without a codebook."""

TRAINING = ("trainer", "gpt_fsdp")
_CONFUSED_VAES = {"infinity_2b_reg": ("infinity_vae_d32", "infinity_vae_d32reg")}
"""By transformer: the autoencoder that fits in shape but gives bad images, and the right one."""


def load_infinity(
    path: str | Path,
    schedule: InfinitySchedule | None = None,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Infinity:
    """A transformer from a released file, a folder of shards, or a training checkpoint.

    ``dtype``: of the blocks; everything else stays in fp32, as in the official code.

    Raises:
        WeightsError: the file cannot be read or is another model.
    """
    return build_infinity(read_infinity(path), path, schedule or infinity_schedule(), device=device, dtype=dtype)


def read_infinity(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a transformer under their official names. Raises WeightsError."""
    # "vae" is the autoencoder's container, so that a wrong file is named in the message.
    return read_weights(path, containers=(*TRAINING, *CONTAINERS, "vae"))


def build_infinity(
    weights: Mapping[str, Tensor],
    path: str | Path,
    schedule: InfinitySchedule,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    negative: Avoided | None = None,
) -> Infinity:
    """The transformer of official ``weights``, frozen. Raises WeightsError naming ``path``."""
    config = infinity_config(weights, path)
    renamed = from_infinity_names(weights)
    # Some files hold more rows than texts can have; the official loader truncates them too.
    renamed["cfg_uncond"] = renamed["cfg_uncond"][: config.text_tokens]
    return build_module(
        lambda: Infinity(config, schedule, negative=negative),
        renamed,
        path,
        dtype=lambda name: dtype if name.startswith("blocks.") else torch.float32,
        device=device,
    )


def infinity_config(weights: Mapping[str, Tensor], path: str | Path) -> InfinityConfig:
    """The sizes of a transformer, read off its tensors (official names).

    Raises:
        WeightsError: the tensors are not an Infinity transformer's.
    """
    shapes = Shapes(weights, path, "Infinity transformer", dict.fromkeys(VAE_MARKS, "the autoencoder"))
    pool_heads = shapes.of(TRANSFORMER_MARK, 3)[1]
    dim, bits = shapes.of("word_embed.weight", 2)
    try:
        chunks = chunk_sizes(weights)
    except WeightsError as error:
        raise WeightsError(f"{path} holds no complete Infinity transformer: {error}") from None
    first = "block_chunks.0.module.0" if "block_chunks.0.module.0.ada_gss" in weights else "blocks.0"
    text_tokens, text_dim = shapes.of("cfg_uncond", 2)
    return shapes.config(
        InfinityConfig,
        layers=sum(chunks),
        dim=dim,
        heads=shapes.of(f"{first}.sa.scale_mul_1H11", 4).numel(),
        hidden=shapes.of(f"{first}.ffn.fc1.weight", 2)[0],
        bits=bits,
        pool_heads=pool_heads,
        levels=shapes.of("lvl_embed.weight", 2)[0],
        text_dim=text_dim,
        text_tokens=min(text_tokens, _LONGEST_TEXT),
    )


def infinity_size(config: InfinityConfig) -> str | None:
    """Its name in :data:`~scalingar.models.infinity.config.SIZES`, or None."""
    shape = (config.layers, config.dim, config.heads)
    return next((name for name, size in SIZES.items() if size[:3] == shape), None)


def load_bsq_vae(path: str | Path, *, device: str | torch.device = "cpu") -> BSQVae:
    """An autoencoder from a released file, in either spelling of its names.

    Raises:
        WeightsError: the file cannot be read or is another model.
    """
    return build_bsq_vae(read_weights(path, containers=("vae", *CONTAINERS, *TRAINING)), path, device=device)


def build_bsq_vae(weights: Mapping[str, Tensor], path: str | Path, *, device: str | torch.device = "cpu") -> BSQVae:
    """The autoencoder of official ``weights``, frozen, in fp32. Raises WeightsError naming ``path``."""
    plain = from_vae_names(weights, path)
    config = bsq_vae_config(plain, path)
    return build_module(lambda: BSQVae(config), plain, path, device=device)


def bsq_vae_config(weights: Mapping[str, Tensor], path: str | Path) -> AutoencoderConfig:
    """The sizes of an autoencoder, read off its tensors (plain names).

    Raises:
        WeightsError: the tensors are not those of Infinity's autoencoder.
    """
    shapes = Shapes(weights, path, "Infinity autoencoder", {TRANSFORMER_MARK: "the transformer"})
    bits = shapes.of(VAE_MARKS[0], 4)[1]
    channels, channel_mult, res_blocks = shapes.levels("down", "block")
    return shapes.config(
        AutoencoderConfig,
        channels=channels,
        channel_mult=channel_mult,
        z_channels=bits,
        res_blocks=res_blocks,
        attention=False,
    )


def pair(
    model: Infinity, vae: BSQVae, transformer_path: str | Path | None = None, vae_path: str | Path | None = None
) -> BSQTokenizer:
    """The tokenizer for a transformer on its schedule.

    Raises:
        WeightsError: the autoencoder does not fit, or its name is that of a known wrong one.
    """
    wrong, right = _CONFUSED_VAES.get(Path(transformer_path or "").stem, ("", ""))
    if wrong and Path(vae_path or "").stem == wrong:
        raise WeightsError(f"{vae_path} fits {transformer_path} in shape but gives bad pictures; use {right}.")
    return BSQTokenizer.for_tokens(vae, model.schedule, model.groups)
