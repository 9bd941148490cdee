"""Spatial stability: is some part of the image much less certain than the image so far?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.rows import RowState

Extreme = Float[np.ndarray, " n"] | np.float32
"""One per row, or one for all of them."""


@dataclass(frozen=True)
class BlockMap:
    """A token grid cut into b×b blocks; blocks at the right and lower edge may be smaller."""

    index: tuple[int, ...]
    """Block of each raster position, `h * w` entries."""
    sizes: tuple[int, ...]
    """Number of tokens in each block."""

    @classmethod
    def cut(cls, grid: tuple[int, int], block_size: int) -> BlockMap:
        """The blocks of a grid `(h, w)`, numbered in raster order.

        Raises:
            ValueError: an extent of the grid or the block size is not positive.
        """
        height, width = grid
        if min(height, width, block_size) < 1:
            raise ValueError(f"cannot cut a {height}x{width} grid into blocks of {block_size}")
        across = math.ceil(width / block_size)
        index = tuple((y // block_size) * across + x // block_size for y in range(height) for x in range(width))
        return cls(index, tuple(index.count(block) for block in range(max(index) + 1)))


@dataclass(frozen=True, eq=False)
class BlockStability(RowState):
    """Running block means of the normalised entropy, and the stability B_t read off them."""

    config: ProfileConfig
    blocks: BlockMap
    counts: tuple[int, ...]
    """Tokens seen per block, the same for all rows."""
    eligible: int
    """Number of blocks whose fill ratio has reached ρ_min."""
    sums: Float[np.ndarray, "n k"]
    """Sum of H̄ per block."""
    means: Float[np.ndarray, "n k"]
    """E_k, mean of H̄ per eligible block; -inf where a block is not eligible."""
    low: Extreme
    """Smallest E_worst so far; one number when the window is pooled."""
    high: Extreme
    """Largest E_worst so far, likewise."""
    stability: Float[np.ndarray, " n"]
    """B_t; 1 = no block stands out."""

    @classmethod
    def start(cls, config: ProfileConfig, n: int, grid: tuple[int, int]) -> BlockStability:
        """No token seen, B = 1, for `n` rows on a grid `(h, w)`."""
        blocks = BlockMap.cut(grid, config.block_size)
        k = len(blocks.sizes)
        unseen = np.float32(np.inf) if config.block_window == "pooled" else np.full(n, np.inf, np.float32)
        return cls(
            config=config,
            blocks=blocks,
            counts=(0,) * k,
            eligible=0,
            sums=np.zeros((n, k), np.float32),
            means=np.full((n, k), -np.inf, np.float32),
            low=unseen,
            high=-unseen,
            stability=np.ones(n, np.float32),
        )

    def update(self, normalized_entropy: Float[np.ndarray, " n"], position: int) -> BlockStability:
        """The state after the token at raster index `position`, whose H̄ is given per row.

        Raises:
            ValueError: the position is outside the grid.
        """
        if not 0 <= position < len(self.blocks.index):
            raise ValueError(f"position {position} is outside a grid of {len(self.blocks.index)}")
        block = self.blocks.index[position]
        count, size = self.counts[block] + 1, self.blocks.sizes[block]
        counts = (*self.counts[:block], count, *self.counts[block + 1 :])
        sums, means, eligible = self.sums.copy(), self.means, self.eligible
        sums[:, block] += normalized_entropy
        if count / size >= self.config.min_fill:
            eligible += self.counts[block] == 0 or self.counts[block] / size < self.config.min_fill
            means = means.copy()
            means[:, block] = sums[:, block] / count
        low, high, stability = self._stability(means, eligible)
        return BlockStability(self.config, self.blocks, counts, eligible, sums, means, low, high, stability)

    def _stability(self, means: np.ndarray, eligible: int) -> tuple[Extreme, Extreme, np.ndarray]:
        """The running extremes of E_worst with this step's, and B_t between them."""
        if not eligible:
            return self.low, self.high, self.stability
        worst = worst_block_entropy(means, worst_count(self.config.worst_fraction, eligible))
        if self.config.block_window == "pooled":
            # Of a number and a NaN, min and max keep the first.
            low, high = min(self.low, np.fmin.reduce(worst)), max(self.high, np.fmax.reduce(worst))
        else:
            low, high = np.fmin(self.low, worst), np.fmax(self.high, worst)
        return low, high, block_stability(worst, low, high)


def worst_count(worst_fraction: float, eligible: int) -> int:
    """How many blocks are the worst q of `eligible` ones: rounded up, at least one (chosen)."""
    # 0.1 * 30 is 3.0000000000000004 in binary, which must not become 4.
    return max(1, math.ceil(round(worst_fraction * eligible, 9)))


def worst_block_entropy(means: Float[np.ndarray, "n k"], count: int) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (7), first half: E_worst = mean of the `count` largest block means E_k.

    Blocks that are not eligible have E_k = -inf; `count` must not exceed the eligible ones.
    """
    if count == 1:
        return np.maximum.reduce(means, axis=-1)
    return np.add.reduce(np.sort(means, axis=-1)[:, -count:], axis=-1) / np.float32(count)


def block_stability(worst: Float[np.ndarray, " n"], low: Extreme, high: Extreme) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (7), second half: B_t = 1 − (E_worst − min) / (max − min).

    1 where the running minimum and maximum do not differ yet (chosen).
    """
    spread = high - low
    if isinstance(spread, np.ndarray):
        spread = np.where(spread > 0, spread, np.float32(np.inf))
    elif not spread > 0:
        return np.ones_like(worst)
    return 1 - (worst - low) / spread
