"""The values of the last steps, for running statistics over a window of finite length."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Bool, Float

from scalingar.profile.profile_config import Window
from scalingar.profile.row_state import RowState, shape_of


@dataclass(frozen=True, eq=False)
class RecentValues(RowState):
    """The last `length` values of each row, or of all of an image's rows together; NaN is no value."""

    length: int
    window: Window
    own: Float[np.ndarray, "*images n w"]
    """Per row, oldest first, NaN before its first; w = `length`, or 0 where the window is pooled."""
    pooled: tuple[Float[np.ndarray, "*images _"], ...] = ()
    """Per step the values of the rows that were alive then, whatever became of them; empty for windows per row."""

    @classmethod
    def start(cls, rows: int | tuple[int, ...], window: Window, length: int) -> RecentValues:
        """No value seen, for `n` or `(…, n)` rows."""
        width = length if window == "trajectory" else 0
        return cls(length, window, np.full((*shape_of(rows), width), np.nan, np.float32))

    def update(self, values: Float[np.ndarray, "*images n"]) -> RecentValues:
        """The window after one more step."""
        if self.window == "pooled":
            return replace(self, pooled=(*self.pooled, values)[-self.length :])
        return replace(self, own=np.concatenate([self.own[..., 1:], values[..., None]], axis=-1))

    def without(self, rows: Bool[np.ndarray, "*images n"] | bool) -> Self:
        """The window in which these rows, or all, have seen nothing."""
        return replace(self, own=np.where(np.asarray(rows)[..., None], np.float32(np.nan), self.own))

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest value, per row or pooled: a number for one image, `(…, 1)` for many; ±inf of none."""
        values = self._values()
        reduced = (np.fmin.reduce(values, axis=-1, initial=np.inf), np.fmax.reduce(values, axis=-1, initial=-np.inf))
        low, high = (self._per_image(each.astype(np.float32)) for each in reduced)
        return low, high

    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count, mean and sum of squared deviations, fp64, in the shapes of `extremes`."""
        values = self._values().astype(np.float64)
        finite = np.isfinite(values)
        count = finite.sum(axis=-1, dtype=np.float64)
        mean = _total(np.where(finite, values, 0)) / np.maximum(count, 1)
        squares = _total(np.where(finite, np.square(values - mean[..., None]), 0))
        return self._per_image(count), self._per_image(mean), self._per_image(squares)

    def _values(self) -> np.ndarray:
        return self.own if self.window == "trajectory" else np.concatenate(self.pooled, axis=-1)

    def _per_image(self, values: np.ndarray) -> np.ndarray:
        """Pooled numbers in the shape that broadcasts over an image's rows."""
        return values[..., None] if self.window == "pooled" and values.ndim else values[()]


def _total(values: np.ndarray) -> np.ndarray:
    """The sum over the last axis in its order, so that zeros in it do not change the sum of the others by a bit."""
    total: np.ndarray = np.add.accumulate(values, axis=-1)[..., -1]
    return total
