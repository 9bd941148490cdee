"""Successive halving: one late, gentle cut, where ScalingAR cuts early and at every step."""

from typing import ClassVar, Self

import numpy as np
from jaxtyping import Int
from pydantic import Field, model_validator

from scalingar.core.decoding_kind import Decoding
from scalingar.core.outputs import Candidate
from scalingar.policy.halving import NOT_AMONG_THE_BEST, Halving, Signal
from scalingar.profile.duration import steps_before_end
from scalingar.strategies.search import Decision, Search, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, argmax


def check_rounds(rounds: tuple[tuple[float, int], ...]) -> None:
    """Raises ValueError unless shares of the steps ascend between 0 and 1, and counts descend to 1 or more."""
    shares, counts = zip(*rounds, strict=True) if rounds else ((), ())
    if list(shares) != sorted(set(shares)) or not all(0 < share < 1 for share in shares):
        raise ValueError(f"the shares of rounds {list(shares)} must ascend between 0 and 1")
    if list(counts) != sorted(set(counts), reverse=True) or not all(count >= 1 for count in counts):
        raise ValueError(f"the counts of rounds {list(counts)} must descend to 1 or more")


def rounds_at(rounds: tuple[tuple[float, int], ...], total_steps: int, step_name: str) -> dict[int, int]:
    """How many go on, by the steps that are drawn then.

    Raises ConfigError: a share is rounded up to the last step, when nothing is left to cut.
    """
    steps = steps_before_end([share for share, _ in rounds], total_steps, step_name, "round")
    return dict(zip(steps, [count for _, count in rounds], strict=True))


@STRATEGIES.register("successive-halving")
class SuccessiveHalving(Strategy):
    """Keeps the best few by a signal of the model after half of the image; no reward.

    Not a method of the paper: the rule selected by ``scalingar analyze tune`` on half of GenEval's prompts with the
    embedded model, which also helped on the other half (docs/results/next-token.md). After Jamieson & Talwalkar 2016.
    """

    serves: ClassVar[tuple[Decoding, ...]] = ("next-token",)

    signal: Signal = Field(
        "final_confidence",
        description="C of the last step, or the mean of C, entropy (less is better) or DeepConf over the steps",
    )
    rounds: tuple[tuple[float, int], ...] = Field(
        ((0.5, 4),), description="after which share of the steps how many go on, such as [[0.25, 4], [0.5, 2]]"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_rounds(self.rounds)
        return self

    def rounds_of(self, total_steps: int) -> dict[int, int]:
        """Number of trajectories to keep, by the step before which the others are cut. Raises as :func:`rounds_at`."""
        return rounds_at(self.rounds, total_steps, "step")

    def search(self, setting: Setting) -> "SuccessiveHalvingSearch":
        """A new search for one image."""
        return SuccessiveHalvingSearch(setting, self)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the best signal, the first on ties."""
        sign = -1 if self.signal == "entropy" else 1
        return argmax(sign * candidate.signals[self.signal] for candidate in candidates)

    def chosen_by(self) -> str:
        """The signal."""
        return self.signal


class SuccessiveHalvingSearch(Search):
    """The search for one image: the signal so far, and the steps at which to cut."""

    def __init__(self, setting: Setting, strategy: SuccessiveHalving) -> None:
        super().__init__(strategy, setting)
        self.rounds = strategy.rounds_of(setting.total_steps)
        self.halving = Halving(strategy.signal)

    def before_draw(self, step: Step) -> Decision | None:
        """Cut before the draw by the signal of the previous steps, then add this step's."""
        assert step.profile is not None  # it serves next-token models only
        count = self.rounds.get(step.position, len(step))
        keep = self.halving.best(count) if count < len(step) else None
        self.halving = self.halving.update(step.statistics.entropy, step.statistics.deepconf, step.profile.values["C"])
        return None if keep is None else Decision.of(np.flatnonzero(keep), len(step), NOT_AMONG_THE_BEST)

    def follow(self, rows: Int[np.ndarray, " m"]) -> None:
        """Reorder the state with its rows."""
        self.halving = self.halving.select(rows)
