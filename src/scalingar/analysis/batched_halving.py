"""Successive halving of many images at once; see ``batched_profile`` for why."""

import numpy as np
from jaxtyping import Bool, Float

from scalingar.analysis.batched_gate import BatchedDecision
from scalingar.strategies.successive_halving import NOT_AMONG_THE_BEST


class BatchedHalving:
    """`SuccessiveHalvingSearch` for ``i`` images of ``n`` rows, of which only those ``alive`` count."""

    def __init__(self, rounds: dict[int, int], values: Float[np.ndarray, "i n t"] | None, images: int, n: int) -> None:
        """``rounds``: step and how many go on. ``values``: the signal, higher is better; None: C."""
        self.rounds = rounds
        self.values = values
        self.sums = np.zeros((images, n))
        self.reasons = ("", NOT_AMONG_THE_BEST)

    def update(
        self,
        step: int,
        confidence: Float[np.ndarray, "i n"],
        recovery: Float[np.ndarray, "i n"],
        alive: Bool[np.ndarray, "i n"],
    ) -> BatchedDecision:
        """Cut by what the steps before this one showed; then note this step."""
        keep = alive
        if step in self.rounds:
            order = np.argsort(np.where(alive, -self.sums, np.inf), axis=1, kind="stable")
            keep = alive & (np.argsort(order, axis=1) < self.rounds[step])
        self.sums += confidence if self.values is None else self.values[:, :, step]
        nothing = np.zeros_like(alive)
        reason = (alive & ~keep).astype(np.int8)
        return BatchedDecision(keep, nothing, nothing, reason, np.full(len(alive), np.nan))
