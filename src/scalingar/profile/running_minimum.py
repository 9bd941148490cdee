"""C_min: the smallest confidence of a trajectory since it began to count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.recent_values import RecentValues
from scalingar.profile.row_state import RowState


@dataclass(frozen=True, eq=False)
class RunningMinimum(RowState):
    """C_min of Eq. (12) of an image's `n` rows, or of many images' `(…, n)`."""

    begins: int
    """Position at which it begins anew: W₀ where it is taken since the warm-up, else 0."""
    values: Float[np.ndarray, "*images n"]
    """The smallest C since it began; inf before the first."""
    recent: RecentValues | None
    """C of the last steps; None where it looks back without end."""

    @classmethod
    def start(
        cls, config: ProfileConfig, rows: int | tuple[int, ...], *, warmup: int, window: int | None
    ) -> RunningMinimum:
        """No value seen, for `n` or `(…, n)` rows; `warmup`: W₀, and `window`, in steps."""
        recent = None if window is None else RecentValues.start(rows, "trajectory", window)
        begins = warmup if config.minimum_since == "warmup" else 0
        return cls(begins, np.full(rows, np.inf, np.float32), recent)

    def update(
        self, confidence: Float[np.ndarray, "*images n"], position: int | Int[np.ndarray, " n"]
    ) -> RunningMinimum:
        """The minimum with one more C, at this position of every row, or of each."""
        before, recent = self.values, self.recent
        anew: bool | Bool[np.ndarray, " n"] = position == self.begins
        if np.any(anew):
            before = np.where(anew, np.float32(np.inf), before)
            recent = None if recent is None else recent.without(anew)
        if recent is None:
            return RunningMinimum(self.begins, np.fmin(before, confidence), None)
        recent = recent.update(confidence)
        return RunningMinimum(self.begins, recent.extremes()[0], recent)
