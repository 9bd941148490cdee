"""PARM's choice (CVPR 2025, arXiv 2501.13926) with a reward in the place of its tuned critic."""

from typing import Self

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field, model_validator

from scalingar.profile.rounding import descending, reaches
from scalingar.strategies.rivals.judged import CheckedSearch, JudgesPrefixes, check_shares, steps_at
from scalingar.strategies.search import Candidates, Decision, Pick, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, argmax


@STRATEGIES.register("parm")
class Parm(JudgesPrefixes):
    """Once on the way each path is asked for its potential; the best finished image of those that had it.

    As released no path is stopped, so that it costs as Best-of-N and looks besides; without any potential the path that
    was nearest to it. Chosen: untrained, so a reward tells the potential, and a fixed step is clear enough for it.
    """

    clear: float = Field(0.5, description="share of the steps at which a path is clear enough to be judged")
    threshold: float | None = Field(
        None, description="reward of a prefix from which it has potential; None: the better half has"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_shares((self.clear,))
        return self

    def search(self, setting: Setting) -> "ParmSearch":
        """A new search for one image."""
        return ParmSearch(self, setting)

    def promising(self, rewards: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Which prefixes have potential; at least one."""
        promising = np.zeros(len(rewards), bool)
        promising[descending(rewards)[: 1 if self.threshold is not None else -(-len(rewards) // 2)]] = True
        return promising if self.threshold is None else promising | reaches(rewards, self.threshold)


class ParmSearch(CheckedSearch):
    """The search for one image."""

    def __init__(self, strategy: Parm, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings = strategy
        self.checks = frozenset(steps_at((strategy.clear,), setting))
        self.promising: set[int] = set()

    def check(self, step: Step) -> Decision:
        """Remember who has potential; nobody ends."""
        rewards = self.settings.rewards_of(step, self.setting)
        self.promising = {step.indices[row] for row in np.flatnonzero(self.settings.promising(rewards)).tolist()}
        return Decision(np.arange(len(step)), [None] * len(step), trace={"reward": rewards})

    def when_done(self, finished: Candidates) -> Pick:
        """The highest reward among those with potential."""
        rewards = finished.rewards()
        own = [place for place, one in enumerate(finished) if one.index in self.promising] or list(range(len(finished)))
        return Pick(finished[own[argmax(rewards[own])]].index)
