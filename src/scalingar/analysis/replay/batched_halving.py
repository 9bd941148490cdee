"""Successive halving of many images at once; see ``batched_profile`` for why."""

import numpy as np
from jaxtyping import Bool, Float

from scalingar.analysis.replay.batched_gate import BatchedDecision
from scalingar.strategies.successive_halving import NOT_AMONG_THE_BEST, Signal


class BatchedHalving:
    """`SuccessiveHalvingSearch` for ``i`` images of ``n`` rows, of which only those ``alive`` count."""

    def __init__(self, rounds: dict[int, int], signal: Signal, traced: Float[np.ndarray, "i n t"] | None) -> None:
        """``rounds``: step and how many go on. ``traced``: entropy or DeepConf of every step, if that is the signal."""
        self.rounds = rounds
        self.signal = signal
        self.traced = traced
        self.sums: np.ndarray | None = None
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
        if step in self.rounds and self.sums is not None:
            order = np.argsort(np.where(alive, -self.sums, np.inf), axis=1, kind="stable")
            keep = alive & (np.argsort(order, axis=1) < self.rounds[step])
        self._note(confidence if self.traced is None else self.traced[:, :, step])
        nothing = np.zeros_like(alive)
        reason = (alive & ~keep).astype(np.int8)
        return BatchedDecision(keep, nothing, nothing, reason, np.full(len(alive), np.nan))

    def _note(self, now: Float[np.ndarray, "i n"]) -> None:
        value = -now.astype(np.float64) if self.signal == "entropy" else now.astype(np.float64)
        self.sums = value if self.sums is None or self.signal == "final_confidence" else self.sums + value
