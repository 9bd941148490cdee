"""Speculative rejection (NeurIPS 2024, github Zanette-Labs/SpeculativeRejection): as many as fit, then fewer."""

import math

from pydantic import Field

from scalingar.profile.rounding import descending
from scalingar.strategies.rivals.judged import CheckedSearch, JudgesPrefixes
from scalingar.strategies.search import Decision, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES


@STRATEGIES.register("speculative-rejection")
class SpeculativeRejection(JudgesPrefixes):
    """Whenever the tokens held fill the memory, the worst share of the trajectories by reward ends.

    As published, with the ordinary reward. Chosen: memory is a number of tokens, a share of N complete images, where
    the release fits a model of the machine's memory; texts that finish early have no counterpart among images.
    """

    memory: float = Field(0.25, gt=0, le=1, description="tokens that may be held, as a share of N complete images")
    rejected: float = Field(0.5, gt=0, lt=1, description="α, share of the trajectories that ends, the worst")

    def counts(self, setting: Setting) -> dict[int, int]:
        """How many trajectories go on after each number of steps at which the memory is full."""
        total, count = setting.tokens_until(setting.total_steps), self.num_trajectories
        room, counts = self.memory * count * total, {}
        for steps in range(1, setting.total_steps):
            left = max(1, math.floor(round((1 - self.rejected) * count, 9)))
            if left < count and count * setting.tokens_until(steps) >= room:
                counts[steps] = count = left
        return counts

    def search(self, setting: Setting) -> "SpeculativeRejectionSearch":
        """A new search for one image."""
        return SpeculativeRejectionSearch(self, setting)


class SpeculativeRejectionSearch(CheckedSearch):
    """The search for one image."""

    def __init__(self, strategy: SpeculativeRejection, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings, self.counts = strategy, strategy.counts(setting)
        self.checks = frozenset(self.counts)

    def check(self, step: Step) -> Decision | None:
        """The best go on."""
        count = self.counts[step.position]
        if count >= len(step):
            return None
        rewards = self.settings.rewards_of(step, self.setting)
        kept = sorted(descending(rewards)[:count].tolist())
        return Decision.of(kept, len(step), "rejected by its reward", reward=rewards)
