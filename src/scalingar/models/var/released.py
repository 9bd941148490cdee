"""Loading published VAR checkpoints and their tokenizer; their sizes follow from tensor shapes."""

import re
from collections.abc import Mapping
from functools import partial
from itertools import accumulate
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.var.config import VARConfig
from scalingar.models.var.multiscale_vq import MOST_SCALES, SIDES_256, SIDES_512, MultiScaleVQ, MultiScaleVQConfig
from scalingar.models.var.transformer import VAR
from scalingar.models.weights.build_module import build_module
from scalingar.models.weights.checkpoint import read_weights
from scalingar.models.weights.containers import CONTAINERS
from scalingar.models.weights.shapes import Shapes, check_sizes

TRANSFORMER_MARK = "pos_1LC"
TOKENIZER_MARK = "quantize.quant_resi.qresi_ls.0.weight"
"""Tensors by which the models are recognised."""

TRAINED_TRANSFORMER = ("trainer", "var_wo_ddp")
TRAINED_TOKENIZER = ("trainer", "vae_local")
"""Containers of VAR's training script."""

_CONSTANTS = re.compile(r"lvl_1L|attn_bias_for_masking|blocks\.\d+\.attn\.zero_k_bias|quantize\.ema_vocab_hit_SV")
"""Tables and statistics that are computed or not needed."""


def load_var(
    path: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    sides: tuple[int, ...] | None = None,
    heads: int | None = None,
) -> VAR:
    """A transformer from a released file or a training checkpoint, ready to decode.

    ``sides`` is needed only for an unpublished schedule saved without its buffers, ``heads`` only for heads other than
    64 channels wide without normalised attention.

    Raises:
        WeightsError: the file cannot be read or is another model.
    """
    weights = read_weights(path, containers=(*TRAINED_TRANSFORMER, *CONTAINERS))
    config = var_config(weights, path, sides=sides, heads=heads)
    return build_module(partial(VAR, config), learned(weights), path, dtype=dtype, device=device)


def load_multiscale_vq(
    path: str | Path,
    sides: tuple[int, ...] = SIDES_256,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> MultiScaleVQ:
    """VAR's tokenizer from its released file or a training checkpoint.

    ``sides``: the transformer's schedule; the same weights serve all schedules.

    Raises:
        WeightsError: the file cannot be read or is another model.
    """
    # "vae" is Infinity's container, so that a wrong file is named in the message.
    weights = read_weights(path, containers=(*TRAINED_TOKENIZER, *CONTAINERS, "vae"))
    config = multiscale_vq_config(weights, path, sides)
    return build_module(partial(MultiScaleVQ, config), learned(weights), path, dtype=dtype, device=device)


def check_pair(model: VAR, tokenizer: MultiScaleVQ) -> None:
    """Raises WeightsError unless the tokenizer can decode what the transformer predicts."""
    config, tokens = model.config, tokenizer.config
    check_sizes(
        (
            ("predicts codes of {}", config.vocab_size, tokens.codebook_size),
            ("reads channels of {}", config.code_dim, tokens.z_channels),
            ("has scales of sides {}", config.sides, tokens.sides),
        )
    )


def var_config(
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    sides: tuple[int, ...] | None = None,
    heads: int | None = None,
) -> VARConfig:
    """The sizes of a transformer, read off its tensors (official names); see :func:`load_var`.

    Raises:
        WeightsError: the tensors are not a VAR transformer's, or leave its schedule or heads undetermined.
    """
    shapes = Shapes(weights, path, "VAR transformer", {TOKENIZER_MARK: "a VAR tokenizer"})
    tokens, dim = shapes.of(TRANSFORMER_MARK, 3)[1:]
    scale_mul = weights.get("blocks.0.attn.scale_mul_1H11")
    return shapes.config(
        VARConfig,
        layers=shapes.count("blocks"),
        heads=scale_mul.numel() if scale_mul is not None else shapes.heads(dim, heads),
        dim=dim,
        hidden=shapes.of("blocks.0.ffn.fc1.weight", 2)[0],
        sides=_sides(weights, tokens, shapes.of("lvl_embed.weight", 2)[0], sides, path),
        vocab_size=shapes.of("head.weight", 2)[0],
        code_dim=shapes.of("word_embed.weight", 2)[1],
        shared_modulation="shared_ada_lin.1.weight" in weights,
        normalised_attention=scale_mul is not None,
        condition_vocab=shapes.of("class_emb.weight", 2)[0] - 1,
    )


def multiscale_vq_config(
    weights: Mapping[str, Tensor], path: str | Path, sides: tuple[int, ...] = SIDES_256
) -> MultiScaleVQConfig:
    """The sizes of a tokenizer, read off its tensors; its schedule is not among them.

    Raises:
        WeightsError: the tensors are not those of VAR's tokenizer.
    """
    shapes = Shapes(weights, path, "VAR tokenizer", {TRANSFORMER_MARK: "a VAR transformer"})
    shapes.of(TOKENIZER_MARK, 4)
    codebook_size, z_channels = shapes.of("quantize.embedding.weight", 2)
    channels, channel_mult, res_blocks = shapes.levels("down", "block")
    return shapes.config(
        MultiScaleVQConfig,
        channels=channels,
        channel_mult=channel_mult,
        z_channels=z_channels,
        res_blocks=res_blocks,
        attention="encoder.mid.attn_1.qkv.weight" in weights,
        codebook_size=codebook_size,
        sides=sides,
        shared_phis=shapes.count("quantize.quant_resi.qresi_ls"),
        quant_kernel=shapes.of("quant_conv.weight", 4)[-1],
    )


def learned(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without constants and statistics."""
    return {name: tensor for name, tensor in weights.items() if not _CONSTANTS.fullmatch(name)}


def _sides(
    weights: Mapping[str, Tensor], tokens: int, scales: int, sides: tuple[int, ...] | None, path: str | Path
) -> tuple[int, ...]:
    """As given, counted in the buffer of levels, or the published schedule with as many tokens."""
    levels = weights.get("lvl_1L")
    if sides is None and levels is not None:
        # As many scales as have an embedding: the buffer may hold any number.
        counts = (
            [int((levels == scale).sum()) for scale in range(scales)]
            if levels.numel() == tokens and scales <= MOST_SCALES
            else []
        )
        sides = tuple(isqrt(count) for count in counts)
    for known in (SIDES_256, SIDES_512) if sides is None else (sides,):
        if len(known) == scales and [*accumulate(side * side for side in known)][-1] == tokens:
            return known
    if sides is None:
        raise WeightsError(f"{path} has {scales} scales of {tokens} tokens in all, no published schedule; give sides.")
    raise WeightsError(f"{path} has {scales} scales of {tokens} tokens in all; sides {sides} do not fit them.")
