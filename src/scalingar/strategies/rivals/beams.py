"""What beam searches share: how many prefixes go on, when they are judged, and what drawing them again costs."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from scalingar.strategies.best_of_n import BestOfN
from scalingar.strategies.rivals.judged import check_shares, step_at, steps_at
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import Strategy

NINTHS = tuple(place / 9 for place in range(1, 9))
"""64 of Janus's 576 codes a step."""


class Beams(Strategy):
    """Base of beam searches: at each check the best few prefixes go on."""

    beam_width: int = Field(2, ge=1, description="w, prefixes that go on at a check, N / w copies of each")
    checks: tuple[float, ...] | None = Field(
        None, description="after which shares of the steps; None: after every scale, or every ninth of the codes"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_shares(self.checks or ())
        return self

    def steps_of_checks(self, setting: Setting) -> list[int]:
        """The numbers of steps, ascending; usually all scales but the last, or ninths of a raster.

        Of a raster with fewer codes than ninths, every code but the last. Raises ConfigError as :func:`steps_at`.
        """
        if self.checks is not None:
            return steps_at(self.checks, setting)
        every = range(1, setting.total_steps)
        return [*every] if setting.scales else sorted({step_at(share, setting) for share in NINTHS} & {*every})


class BeamsDrawnAgain(Beams, BestOfN):
    """Of those whose trajectories are all completed: at each check N more begin from the best prefixes."""

    def most_drawn(self, setting: Setting) -> list[int]:
        """N trajectories, and N more from each check on."""
        checks, steps = np.array(self.steps_of_checks(setting), np.int64), np.arange(setting.total_steps)
        return (self.num_trajectories * (1 + (checks[None] <= steps[:, None]).sum(1))).tolist()
