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

Grid = tuple[int, int]
"""Rows and columns of codes."""
FILLS: tuple[Fill, ...] = get_args(Fill)
FILLING = 0xF111
"""Keys the random numbers of a filling, beside seed, step and trajectory."""


def filled(
    codes: Int[Tensor, " t"],
    grid: Grid,
    fill: Fill,
    generator: np.random.Generator,
    preview: Grid | None = None,
) -> Int[Tensor, " u"]:
    """The first ``t`` codes of a grid, at least one, filled up to all of it; with ``grey`` they stay ``t``.

    ``preview``: the grid whose codes are drawn before; until they are complete it is filled, then they stay.
    """
    if fill == "grey":
        return codes
    before, own, grid = at_hand(codes, grid, preview)
    drawn, missing = blocks_of(len(own), grid)
    if fill == "repeat" or not drawn:
        return torch.cat([before, repeated(own, grid[0] * grid[1])])
    return torch.cat([before, with_blocks(own, grid, generator.integers(drawn, size=missing))])


def at_hand(
    codes: Int[Tensor, " t"], grid: Grid, preview: Grid | None
) -> tuple[Int[Tensor, " p"], Int[Tensor, " r"], Grid]:
    """The codes of a complete preview that others follow, else none; the other codes; the grid that these belong to."""
    first = 0 if preview is None else preview[0] * preview[1]
    if preview is not None and len(codes) <= first:
        return codes[:0], codes, preview
    return codes[:first], codes[first:], grid


def repeated(codes: Int[Tensor, " t"], total: int) -> Int[Tensor, " u"]:
    """GridAR: the drawn codes in their order, over and over."""
    return codes[torch.arange(total) % len(codes)]


def block_length(grid: Grid) -> int:
    """Codes of one block: half a row, FR-TTS's 12 of 24 columns."""
    return max(1, grid[1] // 2)


def blocks_of(drawn: int, grid: Grid) -> tuple[int, int]:
    """Complete blocks among the first ``drawn`` codes, and blocks that are not."""
    length = block_length(grid)
    return drawn // length, -(-grid[0] * grid[1] // length) - drawn // length


def with_blocks(codes: Int[Tensor, " t"], grid: Grid, sources: Int[np.ndarray, " m"]) -> Int[Tensor, " u"]:
    """FR-TTS: block number ``sources[j]`` of the drawn ones in the place of missing block j; drawn codes stay."""
    length, total = block_length(grid), grid[0] * grid[1]
    whole = len(codes) // length
    blocks = codes[: whole * length].view(whole, length)
    result = torch.cat([blocks.flatten(), blocks[torch.from_numpy(sources)].flatten()])[:total]
    result[: len(codes)] = codes
    return result
