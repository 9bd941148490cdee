"""Loading published LlamaGen-like checkpoints; their sizes follow from tensor shapes."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.files import expanded
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.names import TOKENIZER_PARTS, TRANSFORMER_PARTS, from_llama_names, part
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import KEYS, VQConfig, VQTokenizer
from scalingar.models.weights.build_module import build_module
from scalingar.models.weights.checkpoint import read_weights
from scalingar.models.weights.containers import CONTAINERS
from scalingar.models.weights.json_file import read_object
from scalingar.models.weights.shapes import Shapes, check_sizes
from scalingar.models.weights.weight_files import FOLDER_FILES

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
    path = expanded(path)
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


def check_pair(model: LlamaGen, tokenizer: VQTokenizer, size: int | None = None) -> None:
    """Raises WeightsError unless the tokenizer can decode what the transformer predicts.

    ``size``: side of the images in pixels, where it is known; the published tokenizers of stride 8 and 16 have equally
    many codes.
    """
    check_sizes([("predicts {} codes", model.vocab_size, tokenizer.config.codebook_size)])
    stride, grid = tokenizer.config.downsample, model.config.grid
    if size is not None and (made := tuple(stride * side for side in grid)) != (size, size):
        raise WeightsError(
            f"the transformer draws {grid[0]}x{grid[1]} codes for {size} pixels, the tokenizer makes "
            f"{made[0]}x{made[1]} pixels of them (stride {stride}); choose the tokenizer published with it."
        )


def known_size(path: str | Path, *, grid: tuple[int, int] | None = None, image_size: int | None = None) -> int | None:
    """Side in pixels of the images that were asked for or that the file's name says; None where a grid overrides it."""
    path = _named_place(expanded(path))
    if image_size is not None or grid is not None:
        return image_size
    return _folder_settings(path).get("image_size") or _named_size(path)


def checkpoint(path: str | Path) -> Checkpoint:
    """Which of the published checkpoints it is. Raises WeightsError."""
    weights = read_weights(path)
    tensors = from_llama_names(part(weights, TRANSFORMER_PARTS))
    _transformer_shapes(tensors, path).of(_TRANSFORMER_MARK, 2)
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
    vocab_size, dim = shapes.of(_TRANSFORMER_MARK, 2)
    text = "cls_embedding.cap_proj.fc1.weight" in weights
    return shapes.config(
        LlamaGenConfig,
        layers=shapes.count("layers"),
        heads=shapes.heads(dim, heads, published=_HEADS, multiple=4),
        dim=dim,
        hidden=shapes.of("layers.0.feed_forward.w1.weight", 2)[0],
        grid=_grid(Path(path), grid, image_size),
        vocab_size=vocab_size,
        **(_caption_sizes if text else _label_sizes)(shapes),
    )


def _caption_sizes(shapes: Shapes) -> dict[str, int | str]:
    slots, caption_dim = shapes.of("cls_embedding.uncond_embedding", 2)
    return {"condition": "text", "condition_tokens": slots, "caption_dim": caption_dim}


def _label_sizes(shapes: Shapes) -> dict[str, int | str]:
    return {"condition": "class", "condition_vocab": shapes.of("cls_embedding.embedding_table.weight", 2)[0] - 1}


def vq_config(weights: Mapping[str, Tensor], path: str | Path) -> VQConfig:
    """The sizes of an official tokenizer, read off its tensors.

    Raises:
        WeightsError: the tensors are not a LlamaGen tokenizer's.
    """
    shapes = Shapes(weights, path, "LlamaGen tokenizer", {_TRANSFORMER_MARK: "a transformer"})
    codebook_size, codebook_dim = shapes.of(TOKENIZER_MARK, 2)
    channels, channel_mult, res_blocks = shapes.levels(KEYS.down, KEYS.blocks)
    return shapes.config(
        VQConfig,
        codebook_size=codebook_size,
        codebook_dim=codebook_dim,
        channels=channels,
        channel_mult=channel_mult,
        z_channels=shapes.of("quant_conv.weight", 4)[1],
        res_blocks=res_blocks,
    )


def _transformer_shapes(weights: Mapping[str, Tensor], path: str | Path) -> Shapes:
    return Shapes(weights, path, "LlamaGen transformer", {TOKENIZER_MARK: "a VQ tokenizer"})


def _grid(path: Path, grid: tuple[int, int] | None, image_size: int | None) -> tuple[int, int]:
    """From the arguments, ``config.json`` or the name, which must not contradict each other."""
    if grid is not None:
        return grid
    path = _named_place(path)
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


def _named_place(path: Path) -> Path:
    """The folder of a file whose own name says nothing."""
    return path.parent if path.name in FOLDER_FILES else path


def _named_size(path: Path) -> int | None:
    match = _NAMED_SIZE.search(path.name)
    return int(match[1]) if match else None


def _folder_settings(path: Path) -> dict[str, int]:
    """Positive integers in the folder's ``config.json``."""
    content = read_object(path / "config.json")
    return {key: value for key, value in content.items() if type(value) is int and value > 0}
