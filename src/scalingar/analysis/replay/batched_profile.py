"""The confidence profile of many images at once: the arithmetic of ``profile``, with a pooled window per image.

`ConfidenceProfile` follows one prompt's live rows. A replay follows thousands of prompts whose statistics are known
already, so here a row that was cut stays in the arrays and is left out of what is pooled. The equations are the
functions of ``profile``; only pooling is restated, and tests hold it to the exact classes.
"""

import numpy as np
from jaxtyping import Bool, Float

from scalingar.profile.blocks import BlockMap, block_stability, worst_block_entropy, worst_count
from scalingar.profile.conditional import Moments, conditional_utilisation
from scalingar.profile.confidence import (
    ProfileConfig,
    intrinsic_confidence,
    joint_confidence,
    recovery,
    token_confidence,
)
from scalingar.profile.token import ema, token_uncertainty


class BatchedProfile:
    """Eqs. (5) to (12) for ``i`` images of ``n`` trajectories; the values of the last step are ``(i, n)`` fp32."""

    def __init__(self, config: ProfileConfig, images: int, n: int, grid: tuple[int, int]) -> None:
        self.config = config
        self.blocks = BatchedBlocks(config, images, n, grid)
        width = 1 if config.conditional_window == "pooled" else n
        self.moments = Moments(*np.zeros((3, images, width)))
        self.token: np.ndarray | None = None
        self.intrinsic: np.ndarray | None = None
        self.utilisation: np.ndarray | None = None
        self.minimum = self.confidence = self.recovery = np.full((images, n), np.nan, np.float32)

    def update(
        self,
        normalized_entropy: Float[np.ndarray, "i n"],
        margin: Float[np.ndarray, "i n"],
        kl: Float[np.ndarray, "i n"],
        position: int,
        alive: Bool[np.ndarray, "i n"],
    ) -> None:
        """One step more; ``alive``: the rows that were alive when its logits came."""
        config = self.config
        stability = self.blocks.update(normalized_entropy, position, alive)
        self.utilisation = self._utilisation(kl, alive)
        u = token_uncertainty(
            normalized_entropy, margin, alpha_entropy=config.alpha_entropy, alpha_margin=config.alpha_margin
        )
        self.token = token_confidence(self.token, u, config.token_rate)
        now = intrinsic_confidence(self.token, stability, config)
        self.intrinsic = ema(self.intrinsic, now, config.intrinsic_rate)
        self.confidence = joint_confidence(self.intrinsic, self.utilisation, config)
        self.minimum = np.fmin(self.minimum, self.confidence)
        self.recovery = recovery(self.confidence, self.minimum)

    def _utilisation(self, kl: Float[np.ndarray, "i n"], alive: Bool[np.ndarray, "i n"]) -> Float[np.ndarray, "i n"]:
        """Eqs. (9) and (10)."""
        if self.config.conditional_window == "pooled":
            self.moments = pooled_moments(self.moments, kl.astype(np.float64), alive)
        else:
            self.moments = self.moments.update(kl, "trajectory")
        now = conditional_utilisation(self.moments.standardise(kl)).astype(np.float32)
        return ema(self.utilisation, now, self.config.intrinsic_rate)


def pooled_moments(moments: Moments, values: Float[np.ndarray, "i n"], alive: Bool[np.ndarray, "i n"]) -> Moments:
    """Moments ``(i, 1)`` after one value of every live row of an image."""
    count = alive.sum(axis=1, keepdims=True)
    mean = np.where(alive, values, 0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    squares = np.where(alive, np.square(values - mean), 0).sum(axis=1, keepdims=True)
    total = moments.count + count
    share, shift = count / np.maximum(total, 1), mean - moments.mean
    return Moments(
        count=total,
        mean=moments.mean + shift * share,
        squares=moments.squares + squares + shift * shift * moments.count * share,
    )


class BatchedBlocks:
    """Eq. (7) for many images."""

    def __init__(self, config: ProfileConfig, images: int, n: int, grid: tuple[int, int]) -> None:
        self.config = config
        self.shape = (images, n)
        self.map = BlockMap.cut(grid, config.block_size)
        k = len(self.map.sizes)
        self.counts = np.zeros(k, int)
        self.sums = np.zeros((images * n, k), np.float32)
        self.means = np.full((images * n, k), -np.inf, np.float32)
        width = 1 if config.block_window == "pooled" else n
        self.low = np.full((images, width), np.inf, np.float32)
        self.high = np.full((images, width), -np.inf, np.float32)

    def update(
        self, normalized_entropy: Float[np.ndarray, "i n"], position: int, alive: Bool[np.ndarray, "i n"]
    ) -> Float[np.ndarray, "i n"]:
        """B after the token at a raster position."""
        block = self.map.index[position]
        self.counts[block] += 1
        self.sums[:, block] += normalized_entropy.ravel()
        fill = self.counts / np.array(self.map.sizes)
        eligible = int(((self.counts > 0) & (fill >= self.config.min_fill)).sum())
        if fill[block] >= self.config.min_fill:
            self.means[:, block] = self.sums[:, block] / np.float32(self.counts[block])
        if not eligible:
            return np.ones(self.shape, np.float32)
        worst = worst_block_entropy(self.means, worst_count(self.config.worst_fraction, eligible)).reshape(self.shape)
        self._widen(worst, alive)
        return block_stability(worst, self.low, self.high)

    def _widen(self, worst: Float[np.ndarray, "i n"], alive: Bool[np.ndarray, "i n"]) -> None:
        lowest, highest = worst, worst
        if self.config.block_window == "pooled":
            lowest = np.where(alive, worst, np.float32(np.inf)).min(axis=1, keepdims=True)
            highest = np.where(alive, worst, np.float32(-np.inf)).max(axis=1, keepdims=True)
        self.low, self.high = np.minimum(self.low, lowest), np.maximum(self.high, highest)
