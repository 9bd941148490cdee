"""Which trajectories successive halving keeps: the best by what the steps so far have shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from scalingar.profile.row_state import RowState

Signal = Literal["final_confidence", "confidence", "entropy", "deepconf"]
NOT_AMONG_THE_BEST = "not among the best"


@dataclass(frozen=True, eq=False)
class Halving(RowState):
    """The memory of successive halving for an image's `n` rows, or for many images' `(…, n)`."""

    signal: Signal
    sums: Float[np.ndarray, "*images n"] | None = None
    """The signal's last value, or its sum over the steps; higher is better. None before the first step."""

    def noted(
        self,
        entropy: Float[np.ndarray, "*images n"],
        deepconf: Float[np.ndarray, "*images n"],
        confidence: Float[np.ndarray, "*images n"],
    ) -> Halving:
        """The memory after a step with these values of Eqs. (3), (4) and (11)."""
        shown = {"entropy": -entropy, "deepconf": deepconf}.get(self.signal, confidence).astype(np.float64)
        if self.sums is None or self.signal == "final_confidence":
            return Halving(self.signal, shown)
        return Halving(self.signal, self.sums + shown)

    def best(self, count: int) -> Bool[np.ndarray, "*images n"]:
        """The `count` best rows of each image, the first among equals; rows of NaN come last.

        There must have been a step.
        """
        assert self.sums is not None
        order = np.argsort(-self.sums, axis=-1, kind="stable")
        return np.argsort(order, axis=-1) < count
