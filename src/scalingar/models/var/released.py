"""Published VAR checkpoints and their tokenizer: sizes read off their shapes, strictly loaded."""

import re
from collections.abc import Mapping
from itertools import accumulate
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.var.config import VARConfig
from scalingar.models.var.multiscale_vq import SIDES_256, SIDES_512, MultiScaleVQ, MultiScaleVQConfig
from scalingar.models.var.transformer import VAR
from scalingar.models.weights.checkpoint import CONTAINERS, listed_keys, read_weights
from scalingar.models.weights.empty import filled

TRANSFORMER_MARK = "pos_1LC"
TOKENIZER_MARK = "quantize.quant_resi.qresi_ls.0.weight"
"""By these tensors the models are known."""

TRAINED_TRANSFORMER = ("trainer", "var_wo_ddp")
TRAINED_TOKENIZER = ("trainer", "vae_local")
"""Where VAR's training script puts them."""

_CONSTANTS = re.compile(r"lvl_1L|attn_bias_for_masking|blocks\.\d+\.attn\.zero_k_bias|quantize\.ema_vocab_hit_SV")
"""Tables and statistics in the files; they are computed or not needed."""


def load_var(
    path: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    sides: tuple[int, ...] | None = None,
    heads: int | None = None,
) -> VAR:
    """A transformer from a released file or a training checkpoint, ready to decode.

    ``sides`` and ``heads`` are needed only where the file does not tell them: an unpublished schedule saved without
    its buffers, or heads that are not 64 channels wide in a model without normalised attention.

    Raises:
        WeightsError: the file cannot be read or is another model.
    """
    weights = read_weights(path, containers=(*TRAINED_TRANSFORMER, *CONTAINERS))
    return build_var(var_config(weights, path, sides=sides, heads=heads), weights, path, device=device, dtype=dtype)


def build_var(
    config: VARConfig,
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> VAR:
    """The transformer of ``config`` with copies of ``weights``, frozen. Raises WeightsError naming ``path``."""
    return filled(lambda: VAR(config), _learned(weights), path, dtype=dtype, device=device)


def load_multiscale_vq(
    path: str | Path,
    sides: tuple[int, ...] = SIDES_256,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> MultiScaleVQ:
    """VAR's tokenizer from its released file or a training checkpoint.

    ``sides``: the schedule to work on, that of the transformer; the same weights serve all.

    Raises:
        WeightsError: the file cannot be read or is another model.
    """
    # The last is where Infinity's files keep theirs, so that a wrong file is called by its name.
    weights = read_weights(path, containers=(*TRAINED_TOKENIZER, *CONTAINERS, "vae"))
    return build_multiscale_vq(multiscale_vq_config(weights, path, sides), weights, path, device=device, dtype=dtype)


def build_multiscale_vq(
    config: MultiScaleVQConfig,
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> MultiScaleVQ:
    """The tokenizer of ``config`` with copies of ``weights``, frozen. Raises WeightsError naming ``path``."""
    return filled(lambda: MultiScaleVQ(config), _learned(weights), path, dtype=dtype, device=device)


def check_pair(model: VAR, tokenizer: MultiScaleVQ) -> None:
    """Raises WeightsError unless the tokenizer can decode what the transformer predicts."""
    ours, theirs = model.config, tokenizer.config
    pairs = (
        ("predicts codes of", ours.vocab_size, theirs.codebook_size),
        ("reads channels of", ours.code_dim, theirs.z_channels),
        ("has scales of sides", ours.sides, theirs.sides),
    )
    for what, wanted, found in pairs:
        if wanted != found:
            raise WeightsError(
                f"the transformer {what} {wanted}, the tokenizer has {found}; they do not belong together: choose the "
                "tokenizer published with the transformer."
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
        WeightsError: the tensors are not a VAR transformer's, or do not tell its schedule or heads.
    """
    tokens, dim = _require(weights, TRANSFORMER_MARK, path).shape[1:]
    numbers = [re.match(r"blocks\.(\d+)\.", name) for name in weights]
    scale_mul = weights.get("blocks.0.attn.scale_mul_1H11")
    return VARConfig(
        layers=1 + max((int(found[1]) for found in numbers if found), default=0),
        heads=scale_mul.numel() if scale_mul is not None else _heads(dim, heads, path),
        dim=dim,
        hidden=len(_require(weights, "blocks.0.ffn.fc1.weight", path)),
        sides=_sides(weights, tokens, len(_require(weights, "lvl_embed.weight", path)), sides, path),
        vocab_size=len(_require(weights, "head.weight", path)),
        code_dim=_require(weights, "word_embed.weight", path).shape[1],
        shared_modulation="shared_ada_lin.1.weight" in weights,
        normalised_attention=scale_mul is not None,
        condition_vocab=len(_require(weights, "class_emb.weight", path)) - 1,
    )


def multiscale_vq_config(
    weights: Mapping[str, Tensor], path: str | Path, sides: tuple[int, ...] = SIDES_256
) -> MultiScaleVQConfig:
    """The sizes of a tokenizer, read off its tensors; its schedule is not among them.

    Raises:
        WeightsError: the tensors are not those of VAR's tokenizer.
    """
    _require(weights, TOKENIZER_MARK, path)
    codebook_size, z_channels = _require(weights, "quantize.embedding.weight", path).shape
    channels = len(_require(weights, "encoder.conv_in.weight", path))
    if channels % 32:
        raise WeightsError(
            f"{path}: the tokenizer's first level has {channels} channels; published ones have multiples of 32, so "
            "this is another kind of tokenizer."
        )
    return MultiScaleVQConfig(
        channels=channels,
        channel_mult=tuple(
            len(_require(weights, f"encoder.down.{level}.block.0.conv1.weight", path)) // channels
            for level in range(_count(weights, "encoder.down"))
        ),
        z_channels=z_channels,
        res_blocks=_count(weights, "encoder.down.0.block"),
        attention="encoder.mid.attn_1.qkv.weight" in weights,
        codebook_size=codebook_size,
        sides=sides,
        shared_phis=_count(weights, "quantize.quant_resi.qresi_ls"),
        quant_kernel=_require(weights, "quant_conv.weight", path).shape[-1],
    )


def _learned(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in weights.items() if not _CONSTANTS.fullmatch(name)}


def _sides(
    weights: Mapping[str, Tensor], tokens: int, scales: int, sides: tuple[int, ...] | None, path: str | Path
) -> tuple[int, ...]:
    """Asked for, counted in the buffer of levels, or the published schedule with as many tokens."""
    levels = weights.get("lvl_1L")
    if sides is None and levels is not None:
        sides = tuple(isqrt(count) for count in levels.flatten().bincount().tolist())
    for known in (SIDES_256, SIDES_512) if sides is None else (sides,):
        if len(known) == scales and [*accumulate(side * side for side in known)][-1] == tokens:
            return known
    if sides is None:
        raise WeightsError(f"{path} has {scales} scales of {tokens} tokens in all, no published schedule; give sides.")
    raise WeightsError(f"{path} has {scales} scales of {tokens} tokens in all; sides {sides} do not fit them.")


def _heads(dim: int, heads: int | None, path: str | Path) -> int:
    if heads is None and dim % 64:
        raise WeightsError(f"{path}: the transformer is {dim} wide, no published size; give the number of heads.")
    count = heads or dim // 64
    if dim % count:
        raise WeightsError(f"{path}: {dim} channels do not split into {count} heads; give another number.")
    return count


def _count(weights: Mapping[str, Tensor], stem: str) -> int:
    """Numbered children of a module list."""
    return len({name[len(stem) + 1 :].split(".")[0] for name in weights if name.startswith(f"{stem}.")})


def _require(weights: Mapping[str, Tensor], name: str, path: str | Path) -> Tensor:
    if name in weights:
        return weights[name]
    tokenizer = name.startswith(("quant", "encoder."))
    other = TRANSFORMER_MARK if tokenizer else TOKENIZER_MARK
    hint = f"it starts with {listed_keys(weights)}"
    if other in weights:
        hint = f"it is a VAR {'transformer' if tokenizer else 'tokenizer'}, the other of the two files"
    raise WeightsError(
        f"{path} holds no VAR {'tokenizer' if tokenizer else 'transformer'}: {name!r} is missing; {hint}."
    )
