"""Loading published LlamaGen-like checkpoints; their sizes follow from tensor shapes."""

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.names import TOKENIZER_PARTS, TRANSFORMER_PARTS, from_llama_names, part
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import KEYS, VQConfig, VQTokenizer
from scalingar.models.weights.build_module import build_module
from scalingar.models.weights.checkpoint import CONTAINERS, FOLDER_FILES, read_weights
from scalingar.models.weights.shapes import Shapes, check_sizes

Checkpoint = Literal["llamagen-c2i", "llamagen-t2i", "ar-grpo-c2i", "ar-grpo-t2i"]
"""Authors of the weights, and class or text condition."""

_HEADS = {3200: 32, 4096: 32}
"""Heads of the widths whose heads are not 64 wide."""

_NAMED_SIZE = re.compile(r"[ct]2i.*?(?<!\d)(256|384|512)(?!\d)", re.IGNORECASE)
TOKENIZER_MARK = "quantize.embedding.weight"
_TRANSFORMER_MARK = "tok_embeddings.weight"


def load_llamagen(
    path: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    grid: tuple[int, int] | None = None,
    image_size: int | None = None,
    heads: int | None = None,
    collapse_prefix: bool | None = None,
) -> LlamaGen:
    """A transformer from an official, AR-GRPO or LANTERN file or folder, ready to decode.

    The image size is not in the weights: it comes from ``grid`` or ``image_size`` (pixels), else from the folder's
    ``config.json`` or the file name. ``heads`` is needed only for unpublished widths.
    ``collapse_prefix``: see :class:`~scalingar.models.llamagen.transformer.LlamaGen`.

    Raises:
        WeightsError: the file cannot be read or is another model, or its image size is unknown.
    """
    path = Path(path).expanduser()
    weights = from_llama_names(part(read_weights(path), TRANSFORMER_PARTS))
    config = llamagen_config(weights, path, grid=grid, image_size=image_size, heads=heads)
    make = partial(LlamaGen, config, collapse_prefix=collapse_prefix)
    return build_module(make, weights, path, dtype=dtype, device=device)


def load_vq(path: str | Path, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> VQTokenizer:
    """A tokenizer from an official file, an AR-GRPO folder or Janus' weights; averaged weights are preferred.

    Raises:
        WeightsError: the file cannot be read or is another model.
    """
    weights = part(read_weights(path, containers=("ema", *CONTAINERS)), TOKENIZER_PARTS)
    return build_module(partial(VQTokenizer, vq_config(weights, path)), weights, path, dtype=dtype, device=device)


def check_pair(model: LlamaGen, tokenizer: VQTokenizer) -> None:
    """Raises WeightsError unless the tokenizer can decode what the transformer predicts."""
    check_sizes([("predicts {} codes", model.vocab_size, tokenizer.config.codebook_size)])


def checkpoint(path: str | Path) -> Checkpoint:
    """Which of the published checkpoints it is. Raises WeightsError."""
    weights = read_weights(path)
    tensors = from_llama_names(part(weights, TRANSFORMER_PARTS))
    _ = _transformer_shapes(tensors, path)[_TRANSFORMER_MARK]
    tuned = any(name.startswith(TRANSFORMER_PARTS) for name in weights)
    if "cls_embedding.cap_proj.fc1.weight" in tensors:
        return "ar-grpo-t2i" if tuned else "llamagen-t2i"
    return "ar-grpo-c2i" if tuned else "llamagen-c2i"


def llamagen_config(
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    grid: tuple[int, int] | None = None,
    image_size: int | None = None,
    heads: int | None = None,
) -> LlamaGenConfig:
    """The sizes of a transformer, read off its tensors (official names); see :func:`load_llamagen`.

    Raises:
        WeightsError: the tensors are not a LlamaGen transformer's, or the image size is unknown.
    """
    shapes = _transformer_shapes(weights, path)
    vocab_size, dim = shapes[_TRANSFORMER_MARK]
    text = "cls_embedding.cap_proj.fc1.weight" in weights
    return LlamaGenConfig(
        layers=shapes.count("layers"),
        heads=shapes.heads(dim, heads, published=_HEADS, multiple=4),
        dim=dim,
        hidden=shapes["layers.0.feed_forward.w1.weight"][0],
        grid=_grid(Path(path), grid, image_size),
        vocab_size=vocab_size,
        **(_caption_sizes if text else _label_sizes)(shapes),
    )


def _caption_sizes(shapes: Shapes) -> dict[str, int | str]:
    slots, caption_dim = shapes["cls_embedding.uncond_embedding"]
    return {"condition": "text", "condition_tokens": slots, "caption_dim": caption_dim}


def _label_sizes(shapes: Shapes) -> dict[str, int | str]:
    return {"condition": "class", "condition_vocab": shapes["cls_embedding.embedding_table.weight"][0] - 1}


def vq_config(weights: Mapping[str, Tensor], path: str | Path) -> VQConfig:
    """The sizes of an official tokenizer, read off its tensors.

    Raises:
        WeightsError: the tensors are not a LlamaGen tokenizer's.
    """
    shapes = Shapes(weights, path, "LlamaGen tokenizer", {_TRANSFORMER_MARK: "a transformer"})
    codebook_size, codebook_dim = shapes[TOKENIZER_MARK]
    channels, channel_mult, res_blocks = shapes.levels(KEYS.down, KEYS.blocks)
    return VQConfig(
        codebook_size=codebook_size,
        codebook_dim=codebook_dim,
        channels=channels,
        channel_mult=channel_mult,
        z_channels=shapes["quant_conv.weight"][1],
        res_blocks=res_blocks,
    )


def _transformer_shapes(weights: Mapping[str, Tensor], path: str | Path) -> Shapes:
    return Shapes(weights, path, "LlamaGen transformer", {TOKENIZER_MARK: "a VQ tokenizer"})


def _grid(path: Path, grid: tuple[int, int] | None, image_size: int | None) -> tuple[int, int]:
    """From the arguments, ``config.json`` or the name, which must not contradict each other."""
    if grid is not None:
        return grid
    if path.name in FOLDER_FILES:
        path = path.parent
    downsample = int(_folder_settings(path).get("downsample_size", 16))
    known = _folder_settings(path).get("image_size") or _named_size(path)
    size = image_size or known
    if size is None:
        raise WeightsError(
            f"the image size of {path} is neither in its name nor in a config.json; give image_size, such as 256."
        )
    if known and size != known:
        raise WeightsError(
            f"{path} is a model of {known} pixels by its name or config.json, not of {size}; "
            f"use image_size={known}, or set grid to override it."
        )
    if size % downsample:
        raise ConfigError(f"image_size is {size}; it must be a multiple of {downsample}.")
    return (size // downsample, size // downsample)


def _named_size(path: Path) -> int | None:
    match = _NAMED_SIZE.search(path.name)
    return int(match[1]) if match else None


def _folder_settings(path: Path) -> dict[str, int]:
    """Positive integers in the folder's ``config.json``."""
    try:
        content = json.loads((path / "config.json").read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if type(value) is int and value > 0}
