"""Beam search over prefixes, as the toolkit SoTo does it (arXiv 2604.15453)."""

import numpy as np

from scalingar.strategies.rivals.beams import Beams
from scalingar.strategies.rivals.judged import CheckedSearch, JudgesPrefixes, shared_out
from scalingar.strategies.search import Decision, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES


@STRATEGIES.register("beam")
class Beam(Beams, JudgesPrefixes):
    """SoTo's beam search: at each check the best few prefixes by reward go on, as N copies in all.

    The score is the reward at this check alone, no history, as published. Chosen: N trajectories from the first step
    on, where the release begins with as many as one beam has copies, so that it costs as many tokens as Best-of-N.
    """

    def search(self, setting: Setting) -> "BeamSearch":
        """A new search for one image."""
        return BeamSearch(self, setting)


class BeamSearch(CheckedSearch):
    """The search for one image."""

    def __init__(self, strategy: Beam, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings = strategy
        self.checks = frozenset(strategy.steps_of_checks(setting))

    def check(self, step: Step) -> Decision:
        """N copies of the best."""
        rewards = self.settings.rewards_of(step, self.setting)
        rows = shared_out(rewards, self.settings.beam_width, self.starts)
        return Decision.of(rows, len(step), "not among the best beams", reward=np.asarray(rewards))
