"""Beam search over scales (arXiv 2510.16751): each candidate is completed before it is judged."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from scalingar.strategies.best_of_n import BestOfN
from scalingar.strategies.rivals.beam import usual_checks
from scalingar.strategies.rivals.judged import check_shares, last_round, shared_out, steps_at
from scalingar.strategies.search import Candidates, Pick, Prefix, Search, Start
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, argmax


@STRATEGIES.register("scale-beam")
class ScaleBeam(BestOfN):
    """Rounds of N complete images; the first scales of the best few are kept, one scale more each round.

    As published, with caches shared: w beams of N / w candidates. Chosen: each is completed as any image is drawn (how
    the authors complete them is not told), and the best image of all rounds is handed out, since all are there.
    """

    beam_width: int = Field(1, ge=1, description="w, prefixes that go on after a round; 1: the paper's greedy variant")
    checks: tuple[float, ...] | None = Field(
        None,
        description="shares of the steps kept round by round; None: scale by scale, or every ninth of the codes",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_shares(self.checks or ())
        return self

    def search(self, setting: Setting) -> "ScaleBeamSearch":
        """A new search for one image."""
        return ScaleBeamSearch(self, setting)

    def most_drawn(self, setting: Setting) -> list[int]:
        """Each round's images draw the steps beyond those they share with the last one."""
        checks = np.array(ScaleBeamSearch(self, setting).left, np.int64)
        steps = np.arange(setting.total_steps)
        return (self.num_trajectories * (1 + (checks[None] <= steps[:, None]).sum(1))).tolist()


class ScaleBeamSearch(Search):
    """The search for one image."""

    may_start = True

    def __init__(self, strategy: ScaleBeam, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings = strategy
        shares = strategy.checks
        self.left = usual_checks(setting) if shares is None else steps_at(shares, setting)
        """Prefixes of the rounds to come."""

    def sources(self, finished: Candidates) -> list[int]:
        """The last round's, from which the next one starts."""
        return [finished[place].index for place in last_round(finished)] if self.left else []

    def when_done(self, finished: Candidates) -> Start | Pick:
        """The next round, or the best of all."""
        rewards = finished.rewards()
        if not self.left:
            return Pick(finished[argmax(rewards)].index)
        own = last_round(finished)
        best = shared_out(rewards[own], self.settings.beam_width, self.starts)
        steps = self.left.pop(0)
        return Start(prefixes=tuple(Prefix(finished[own[place]].index, steps) for place in best.tolist()))
