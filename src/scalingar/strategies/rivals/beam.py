"""Beam search over prefixes, as the toolkit SoTo does it (arXiv 2604.15453)."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from scalingar.strategies.rivals.judged import (
    CheckedSearch,
    JudgesPrefixes,
    check_shares,
    shared_out,
    step_at,
    steps_at,
)
from scalingar.strategies.search import Decision, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES

NINTHS = tuple(place / 9 for place in range(1, 9))
"""64 of Janus's 576 codes a step."""


def usual_checks(setting: Setting) -> list[int]:
    """Every scale but the last, or every ninth of a raster; of one with fewer codes every code but the last."""
    every = range(1, setting.total_steps)
    return [*every] if setting.scales else sorted({step_at(share, setting) for share in NINTHS} & {*every})


@STRATEGIES.register("beam")
class Beam(JudgesPrefixes):
    """SoTo's beam search: at each check the best few prefixes by reward go on, as N copies in all.

    The score is the reward at this check alone, no history, as published. Chosen: N trajectories from the first step
    on, where the release begins with as many as one beam has copies, so that it costs as many tokens as Best-of-N.
    """

    beam_width: int = Field(2, ge=1, description="w, prefixes that go on at a check, N / w copies of each")
    checks: tuple[float, ...] | None = Field(
        None, description="after which shares of the steps; None: after every scale, or every ninth of the codes"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_shares(self.checks or ())
        return self

    def search(self, setting: Setting) -> "BeamSearch":
        """A new search for one image."""
        return BeamSearch(self, setting)


class BeamSearch(CheckedSearch):
    """The search for one image."""

    def __init__(self, strategy: Beam, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings = strategy
        shares = strategy.checks
        self.checks = frozenset(usual_checks(setting) if shares is None else steps_at(shares, setting))

    def check(self, step: Step) -> Decision:
        """N copies of the best."""
        rewards = self.settings.rewards_of(step, self.setting)
        rows = shared_out(rewards, self.settings.beam_width, self.starts)
        return Decision.of(rows, len(step), "not among the best beams", reward=np.asarray(rewards))
