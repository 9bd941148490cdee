"""Successive halving: one late, gentle cut, where ScalingAR cuts early and at every step."""

import math
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from scalingar.core.outputs import Candidate
from scalingar.policy.halving import NOT_AMONG_THE_BEST, Halving, Signal
from scalingar.strategies.strategy import NOT_A_NUMBER, STRATEGIES, Decision, Search, Setting, Step, Strategy


@STRATEGIES.register("successive-halving")
class SuccessiveHalving(Strategy):
    """Keeps the best few by a signal of the model once half of the image is there; no reward.

    Not a method of the paper: the rule that ``scalingar analyze tune`` found on half of GenEval's prompts of the
    embedded model and that helped on the other half (docs/results.md). After Jamieson & Talwalkar 2016.
    """

    signal: Signal = Field(
        "final_confidence",
        description="C of the last step, or the mean of C, entropy (less is better) or DeepConf over the steps",
    )
    rounds: tuple[tuple[float, int], ...] = Field(
        ((0.5, 4),), description="after which share of the steps how many go on, such as [[0.25, 4], [0.5, 2]]"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        shares, counts = zip(*self.rounds, strict=True) if self.rounds else ((), ())
        if list(shares) != sorted(set(shares)) or not all(0 < share < 1 for share in shares):
            raise ValueError(f"the shares of rounds {list(shares)} must ascend between 0 and 1")
        if list(counts) != sorted(set(counts), reverse=True) or not all(count >= 1 for count in counts):
            raise ValueError(f"the counts of rounds {list(counts)} must descend to 1 or more")
        return self

    def rounds_of(self, total_steps: int) -> dict[int, int]:
        """How many go on, by the step before which the others are cut."""
        return {math.ceil(share * total_steps): count for share, count in self.rounds}

    def search(self, setting: Setting) -> "SuccessiveHalvingSearch":
        """A fresh run for one prompt."""
        return SuccessiveHalvingSearch(setting, self)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Place of the best, the first among equals."""
        sign = -1 if self.signal == "entropy" else 1
        values = [sign * candidate.signals[self.signal] for candidate in candidates]
        return values.index(max(values))


class SuccessiveHalvingSearch(Search):
    """One prompt: the signal so far, and the steps at which the lower ones go."""

    def __init__(self, setting: Setting, strategy: SuccessiveHalving) -> None:
        super().__init__(setting, strategy.profile, strategy.num_trajectories)
        self.rounds = strategy.rounds_of(setting.total_steps)
        self.halving = Halving(strategy.signal)

    def observe(self, step: Step) -> Decision:
        """Cut before the draw, by what the steps before it showed; then note this step."""
        self.profile = self.profile.update(step.statistics, step.position)
        confidence = self.profile.values["C"]
        finite = keep = np.isfinite(confidence)
        if step.position in self.rounds:
            keep = finite & self.halving.best(self.rounds[step.position])
        reasons = [
            None if k else NOT_AMONG_THE_BEST if f else NOT_A_NUMBER
            for k, f in zip(keep.tolist(), finite.tolist(), strict=True)
        ]
        noted = self.halving.noted(step.statistics.entropy, step.statistics.deepconf, confidence)
        self.halving = noted.select(keep)
        return self.decide(keep, reasons, self.base_scale(step))
