"""Spatial stability: is some part of the image much less certain than the image so far?"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from types import EllipsisType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from scalingar.profile.duration import share_of, steps_of
from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.recent_values import RecentValues
from scalingar.profile.rounding import ROUNDING
from scalingar.profile.row_state import RowState, pool_shape, shape_of

Rows = Int[np.ndarray, " _m"] | EllipsisType
"""Rows of one image, or `...` for all rows of all images."""
Grid = tuple[int, int]
"""Rows and columns of tokens."""
Extreme = Float[np.ndarray, "*images _"] | np.float32
"""One value per row, or pooled: a number for one image, `(…, 1)` for many."""
NOT_BEGUN = -1


def cells(grid: Grid, preview: Grid | None) -> int:
    """Tokens of a grid and of the preview drawn before it."""
    return grid[0] * grid[1] + (0 if preview is None else preview[0] * preview[1])


@dataclass(frozen=True)
class BlockMap:
    """A token grid cut into b×b blocks; blocks at the right and lower edge may be smaller."""

    index: tuple[int, ...]
    """Block of each position, in raster order: `h * w` entries, after those of a preview."""
    sizes: tuple[int, ...]
    """Number of tokens in each block."""

    @classmethod
    def cut(cls, grid: Grid, block_size: int, preview: Grid | None = None) -> BlockMap:
        """The blocks of a grid `(h, w)`, numbered in raster order; of a `preview` drawn before it those come first.

        Raises:
            ValueError: an extent of the grid or the block size is not positive.
        """
        if preview is not None:
            before, after = cls.cut(preview, block_size), cls.cut(grid, block_size)
            shifted = (len(before.sizes) + block for block in after.index)
            return cls((*before.index, *shifted), before.sizes + after.sizes)
        height, width = grid
        if min(height, width, block_size) < 1:
            raise ValueError(f"cannot cut a {height}x{width} grid into blocks of {block_size}")
        across = math.ceil(width / block_size)
        index = tuple((y // block_size) * across + x // block_size for y in range(height) for x in range(width))
        return cls(index, tuple(index.count(block) for block in range(max(index) + 1)))


class Visit(NamedTuple):
    """A token's block, and the state of a trajectory's blocks after it."""

    block: int
    seen: int
    """Tokens seen in this block."""
    filled: bool
    """The block's fill ratio has reached ρ_min."""
    eligible: int
    """Number of filled blocks."""


@lru_cache(maxsize=256)
def visits(grid: Grid, preview: Grid | None, block_size: int, min_fill: float, first: int) -> tuple[Visit, ...]:
    """The visits of a trajectory whose first token is at position `first`, one per token to the image's end."""
    blocks, seen, eligible, result = BlockMap.cut(grid, block_size, preview), Counter[int](), set[int](), []
    for block in blocks.index[first:]:
        seen[block] += 1
        filled = seen[block] / blocks.sizes[block] >= min_fill
        eligible |= {block} if filled else set()
        result.append(Visit(block, seen[block], filled, len(eligible)))
    return tuple(result)


@dataclass(frozen=True, eq=False)
class BlockStability(RowState):
    """Running block means of the normalised entropy, and the stability B_t read off them."""

    config: ProfileConfig
    grid: Grid
    preview: Grid | None
    """Of the codes that are drawn before those of the grid."""
    first: int | Int[np.ndarray, " n"]
    """Position of each row's first token, -1 before it; a single number where all rows share it."""
    sums: Float[np.ndarray, "*images n k"]
    """Sum of H̄ per block."""
    means: Float[np.ndarray, "*images n k"]
    """E_k, mean of H̄ per eligible block; -inf where a block is not eligible."""
    recent: RecentValues | None
    """E_worst of the last steps; None where the extremes are those of all steps so far."""
    low: Extreme
    """Smallest E_worst so far, or in the window."""
    high: Extreme
    """Largest E_worst so far, or in the window."""
    stability: Float[np.ndarray, "*images n"]
    """B_t; 1 = no block stands out."""

    @classmethod
    def start(
        cls, config: ProfileConfig, rows: int | tuple[int, ...], grid: Grid, preview: Grid | None = None
    ) -> BlockStability:
        """No token seen, B = 1, for `n` or `(…, n)` rows on a grid `(h, w)`, after a `preview` if there is one."""
        shape, k = shape_of(rows), len(BlockMap.cut(grid, config.block_size, preview).sizes)
        total = cells(grid, preview)
        length = None if config.rolling_window is None else steps_of(config.rolling_window, total)
        unseen = np.full(pool_shape(rows) if config.block_window == "pooled" else shape, np.inf, np.float32)[()]
        return cls(
            config=config,
            grid=grid,
            preview=preview,
            first=NOT_BEGUN,
            sums=np.zeros((*shape, k), np.float32),
            means=np.full((*shape, k), -np.inf, np.float32),
            recent=None if length is None else RecentValues.start(rows, config.block_window, length),
            low=unseen,
            high=-unseen,
            stability=np.ones(shape, np.float32),
        )

    def update(
        self, normalized_entropy: Float[np.ndarray, "*images n"], position: int | Int[np.ndarray, " n"]
    ) -> BlockStability:
        """The state after the token at `position` with this H̄, per row.

        Positions of a row are consecutive. `position` is one number for all rows, or one per row of an image.

        Raises:
            ValueError: a position is outside the grid, or before the row's first.
        """
        first, groups = self._groups(position)
        sums, means = self.sums.copy(), self.means.copy()
        if len(groups) == 1:  # usually; the general case takes twice as long
            visit = groups[0][1]
            worst = _visited(sums, means, normalized_entropy, visit, self.config)
            eligible = judged = visit.eligible > 0
        else:
            worst = np.empty_like(normalized_entropy)
            for rows, visit in groups:
                own_sums, own_means = sums[rows], means[rows]
                worst[rows] = _visited(own_sums, own_means, normalized_entropy[rows], visit, self.config)
                sums[rows], means[rows] = own_sums, own_means
            eligible, judged = (test(visit.eligible > 0 for _, visit in groups) for test in (any, all))
        recent, low, high, stability = self.recent, self.low, self.high, self.stability
        if recent is not None:  # the blocks of a row that was cut and kept would enter the window anew
            worst = np.where(np.isnan(normalized_entropy), np.float32(np.nan), worst)
        if eligible:
            recent, low, high, stability = self._stability(worst, judged)
        return BlockStability(self.config, self.grid, self.preview, first, sums, means, recent, low, high, stability)

    def extended(self, m: int) -> BlockStability:
        """The state with `m` more rows, which have seen no token; pooled extremes are kept."""
        return self.joined(BlockStability.start(self.config, m, self.grid, self.preview))

    def joined(self, other: BlockStability) -> BlockStability:
        """The state with the rows of `other` after its own; pooled extremes stay those of this one."""
        mine, theirs = (replace(state, first=state._firsts()) for state in (self, other))
        return RowState.joined(mine, theirs)

    @property
    def fresh(self) -> np.ndarray | None:
        """Mask of the rows that have seen no token; None where all rows began at the same position."""
        return None if isinstance(self.first, int) else self.first < 0

    def _firsts(self) -> Int[np.ndarray, " n"]:
        return np.array(np.broadcast_to(self.first, len(self.stability)))

    def _groups(
        self, position: int | Int[np.ndarray, " n"]
    ) -> tuple[int | Int[np.ndarray, " n"], list[tuple[Rows, Visit]]]:
        """Each row's first position, and the rows grouped by what they have seen: usually a single group."""
        if isinstance(self.first, int) and isinstance(position, int):
            first = self.first if self.first >= 0 else position
            return first, [(..., self._visit(first, position))]
        positions = np.broadcast_to(position, len(self.stability))
        firsts = np.where(self._firsts() < 0, positions, self._firsts())
        spans: dict[tuple[int, int], list[int]] = {}
        for row, span in enumerate(zip(firsts.tolist(), positions.tolist(), strict=True)):
            spans.setdefault(span, []).append(row)
        groups: list[tuple[Rows, Visit]] = [(np.array(rows), self._visit(*span)) for span, rows in spans.items()]
        same_first = len({first for first, _ in spans}) == 1
        return int(firsts[0]) if same_first else firsts, groups

    def _visit(self, first: int, position: int) -> Visit:
        total = cells(self.grid, self.preview)
        if not 0 <= position < total:
            raise ValueError(f"position {position} is outside a grid of {total}")
        if position < first:
            raise ValueError(f"position {position} is before the row's first, {first}")
        return visits(self.grid, self.preview, self.config.block_size, self.config.min_fill, first)[position - first]

    def _stability(self, worst: np.ndarray, judged: bool) -> tuple[RecentValues | None, Extreme, Extreme, np.ndarray]:
        """The window and the running extremes of E_worst after this step, and B_t.

        `judged`: every row has an eligible block; a row without one has B = 1 and no E_worst.
        """
        unseen = None if judged else np.isneginf(worst)
        now = worst if unseen is None else np.where(unseen, np.float32(np.nan), worst)
        recent = None if self.recent is None else self.recent.update(now)
        low, high = self._extremes(now) if recent is None else recent.extremes()
        stability = block_stability(now, low, high)
        return recent, low, high, stability if unseen is None else np.where(unseen, np.float32(1), stability)

    def _extremes(self, worst: np.ndarray) -> tuple[Extreme, Extreme]:
        """Of all steps so far and this one."""
        lowest = highest = worst
        if self.config.block_window == "pooled":
            lowest, highest = np.fmin.reduce(worst, axis=-1), np.fmax.reduce(worst, axis=-1)
            if worst.ndim > 1:
                lowest, highest = lowest[..., None], highest[..., None]
        return np.fmin(self.low, lowest), np.fmax(self.high, highest)


def _visited(
    sums: np.ndarray, means: np.ndarray, entropy: Float[np.ndarray, "*images n"], visit: Visit, config: ProfileConfig
) -> Float[np.ndarray, "*images n"]:
    """E_worst after a token in the same block of every row, whose sums and means change in place."""
    sums[..., visit.block] += entropy
    if visit.filled:
        means[..., visit.block] = sums[..., visit.block] / visit.seen
    return worst_block_entropy(means, worst_count(config.worst_fraction, visit.eligible))


def worst_count(worst_fraction: float, eligible: int) -> int:
    """How many blocks are the worst q of `eligible` ones: rounded up, at least one (chosen)."""
    return max(1, share_of(worst_fraction, eligible))


def worst_block_entropy(means: Float[np.ndarray, "*n k"], count: int) -> Float[np.ndarray, "*n"]:
    """ScalingAR, Eq. (7), first half: E_worst = mean of the `count` largest block means E_k.

    Blocks that are not eligible have E_k = -inf; `count` must not exceed the eligible ones.
    """
    if count == 1:
        return np.maximum.reduce(means, axis=-1)
    return np.add.reduce(np.sort(means, axis=-1)[..., -count:], axis=-1) / np.float32(count)


def block_stability(
    worst: Float[np.ndarray, "*images n"], low: Extreme, high: Extreme
) -> Float[np.ndarray, "*images n"]:
    """ScalingAR, Eq. (7), second half: B_t = 1 − (E_worst − min) / (max − min).

    1 where the running minimum and maximum do not differ yet, by more than rounding (chosen).
    """
    spread = high - low
    return 1 - (worst - low) / np.where(spread > ROUNDING, spread, np.float32(np.inf))
