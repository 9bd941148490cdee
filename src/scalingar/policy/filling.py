"""Filling a raster prefix: what stands in for the codes that are not drawn, so that it can be judged as a picture."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

Fill = Literal["grey", "repeat", "blocks"]
"""``grey``: nothing, the picture is grey there. ``repeat``: the drawn codes again and again, GridAR's choice.
``blocks``: each missing half row is a copy of a drawn one, as FR-TTS fills."""

FILLS: tuple[Fill, ...] = get_args(Fill)
FILLING = 0xF111
"""Keys the random numbers of a filling, beside seed, step and trajectory."""


def filled(
    codes: Int[Tensor, " t"], grid: tuple[int, int], fill: Fill, generator: np.random.Generator
) -> Int[Tensor, " u"]:
    """The first ``t`` codes of a grid, at least one, filled up to all of it; with ``grey`` they stay ``t``."""
    if fill == "grey":
        return codes
    drawn, missing = blocks_of(len(codes), grid)
    if fill == "repeat" or not drawn:
        return repeated(codes, grid[0] * grid[1])
    return with_blocks(codes, grid, generator.integers(drawn, size=missing))


def repeated(codes: Int[Tensor, " t"], total: int) -> Int[Tensor, " u"]:
    """GridAR: the drawn codes in their order, over and over."""
    return codes[torch.arange(total) % len(codes)]


def block_length(grid: tuple[int, int]) -> int:
    """Codes of one block: half a row, FR-TTS's 12 of 24 columns."""
    return max(1, grid[1] // 2)


def blocks_of(drawn: int, grid: tuple[int, int]) -> tuple[int, int]:
    """Complete blocks among the first ``drawn`` codes, and blocks that are not."""
    length = block_length(grid)
    return drawn // length, -(-grid[0] * grid[1] // length) - drawn // length


def with_blocks(codes: Int[Tensor, " t"], grid: tuple[int, int], sources: Int[np.ndarray, " m"]) -> Int[Tensor, " u"]:
    """FR-TTS: block number ``sources[j]`` of the drawn ones in the place of missing block j; drawn codes stay."""
    length, total = block_length(grid), grid[0] * grid[1]
    whole = len(codes) // length
    blocks = codes[: whole * length].view(whole, length)
    result = torch.cat([blocks.flatten(), blocks[torch.from_numpy(sources)].flatten()])[:total]
    result[: len(codes)] = codes
    return result
