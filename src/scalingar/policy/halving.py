"""Successive halving: keeping the best trajectories by a signal of the steps so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from scalingar.profile.rounding import descending
from scalingar.profile.row_state import RowState

Signal = Literal["final_confidence", "confidence", "entropy", "deepconf"]
NOT_AMONG_THE_BEST = "not among the best"


@dataclass(frozen=True, eq=False)
class Halving(RowState):
    """The state of successive halving for an image's `n` rows, or for many images' `(…, n)`."""

    signal: Signal
    sums: Float[np.ndarray, "*images n"] | None = None
    """The signal's last value, or its sum over the steps; higher is better. None before the first step."""

    def update(
        self,
        entropy: Float[np.ndarray, "*images n"],
        deepconf: Float[np.ndarray, "*images n"],
        confidence: Float[np.ndarray, "*images n"],
    ) -> Halving:
        """The state after a step with these values of Eqs. (3), (4) and (11)."""
        value = {"entropy": -entropy, "deepconf": deepconf}.get(self.signal, confidence).astype(np.float64)
        if self.sums is None or self.signal == "final_confidence":
            return Halving(self.signal, value)
        return Halving(self.signal, self.sums + value)

    def best(self, count: int) -> Bool[np.ndarray, "*images n"]:
        """Mask of the `count` best rows of each image, the first of equal ones; NaN rows come last."""
        assert self.sums is not None, "there is no step to rank by"
        return np.argsort(descending(self.sums), axis=-1) < count
