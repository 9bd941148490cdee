"""Use of the prompt: is the conditional distribution still far from the unconditional one?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from jaxtyping import Bool, Float

from scalingar.profile.profile_config import Window
from scalingar.profile.recent_values import RecentValues
from scalingar.profile.rounding import ROUNDING
from scalingar.profile.row_state import RowState, pool_shape, shape_of

Numbers = Float[np.ndarray, "*images n"] | Float[np.ndarray, "*images 1"] | float
"""One value per row, or pooled: a number for one image, `(…, 1)` for many."""


@dataclass(frozen=True, eq=False)
class Moments(RowState):
    """Running count, mean and sum of squared deviations (Welford), in fp64, of all steps so far or of the last ones.

    Per row, or pooled over an image's rows; `select` does not change pooled moments, so values of cut rows still count.
    """

    window: Window
    count: Numbers
    mean: Numbers
    squares: Numbers
    recent: RecentValues | None
    """The values of the last steps; None where all steps count."""

    @classmethod
    def start(cls, rows: int | tuple[int, ...], window: Window, length: int | None = None) -> Moments:
        """No value seen, for `n` or `(…, n)` rows; `length`: of the window in steps, None: all steps."""
        shape = pool_shape(rows) if window == "pooled" else shape_of(rows)
        recent = None if length is None else RecentValues.start(rows, window, length)
        count, mean, squares = np.zeros((3, *shape)) if shape else (0.0, 0.0, 0.0)
        return cls(window, count, mean, squares, recent)

    def update(self, values: Float[np.ndarray, "*images n"]) -> Moments:
        """The moments after one value per row; values that are not finite are skipped."""
        if self.recent is not None:
            recent = self.recent.update(values)
            return Moments(self.window, *recent.moments(), recent)
        finite = np.isfinite(values)
        if self.window == "trajectory":
            return self._merged(finite, np.where(finite, values, self.mean), 0.0)
        return self._merged(*_pooled(values, finite))

    def _merged(self, count: np.ndarray | float, mean: Numbers, squares: Numbers) -> Moments:
        """Chan's rule for merging two sets of moments; Welford's is the case of one value."""
        total = self.count + count
        share = count / (total + (total == 0))
        shift = mean - self.mean
        return Moments(
            self.window,
            count=total,
            mean=self.mean + shift * share,
            squares=self.squares + squares + shift * shift * self.count * share,
            recent=None,
        )

    def standardise(self, values: Float[np.ndarray, "*images n"], epsilon: float) -> Float[np.ndarray, "*images n"]:
        """ScalingAR, Eq. (9), second half: z_t = (K_t − μ) / (σ + ε).

        σ is the population deviation; z is 0 where the values do not differ yet, by more than rounding (chosen).
        """
        mean, deviation = self.mean, np.sqrt(self.squares / (self.count + (self.count == 0)))
        spread = np.where(deviation > ROUNDING, deviation + epsilon, np.inf)
        if self.window == "pooled":
            # In the values' own precision, so that equal values do not deviate from their mean.
            mean, spread = np.asarray(mean, values.dtype), np.asarray(spread, values.dtype)
        return (values - mean) / spread


def _pooled(values: Float[np.ndarray, "*images n"], finite: Bool[np.ndarray, "*images n"]) -> tuple[Numbers, ...]:
    """Count, mean and squared deviations of an image's finite values.

    Summed in row order, so that a skipped row does not change the sum of the others by a bit.
    """
    if values.ndim == 1:
        seen = values[finite].tolist()
        mean = _total(seen) / max(1, len(seen))
        return float(len(seen)), mean, _total((value - mean) * (value - mean) for value in seen)
    count = finite.sum(axis=-1, keepdims=True, dtype=np.float64)
    mean = _totals(np.where(finite, values, 0)) / np.maximum(count, 1)
    return count, mean, _totals(np.where(finite, np.square(values - mean), 0))


def _total(values: Iterable[float]) -> float:
    # From Python 3.12 on, sum() compensates for rounding and NumPy's does not.
    return reduce(add, values, 0.0)


def _totals(values: Float[np.ndarray, "*images n"]) -> Float[np.ndarray, "*images 1"]:
    return np.add.accumulate(values, axis=-1, dtype=np.float64)[..., -1:]


def conditional_utilisation(z: Float[np.ndarray, "*images n"]) -> Float[np.ndarray, "*images n"]:
    """ScalingAR, Eq. (10): D_t = sigmoid(z_t), then D̂ ← (1 − λ)·D̂ + λ·D_t (by `ema`)."""
    return sigmoid(z)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−x)), written so that nothing overflows."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)
