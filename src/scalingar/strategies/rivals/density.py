"""VAR-Scaling (arXiv 2601.07293, github WD7ang/VAR-Scaling): of many draws of one early scale a dense one."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate
from scalingar.policy.batch_schedule import stretched
from scalingar.policy.density import densities, rank_weights
from scalingar.profile.rounding import descending
from scalingar.strategies.search import Decision, Search, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import MOST_TRAJECTORIES, STRATEGIES, Strategy

INFINITYS = 3
"""Index of the scale that is searched, of Infinity's 13."""


@STRATEGIES.register("density")
class Density(Strategy):
    """Draws one scale N times from the same logits and goes on with one of the densest draws; no reward.

    As released for Infinity: one of the K densest by linear rank weights (there N = 3000, K = 100; here VAR's 50 and
    10). Not there: VAR's rule for many images of a class, K draws that lie apart from each other.
    """

    serves: ClassVar[tuple[Decoding, ...]] = ("next-scale",)

    num_trajectories: int = Field(50, ge=1, le=MOST_TRAJECTORIES, description="N, draws of the scale")
    scale: int | None = Field(None, ge=0, description="the scale, from 0; None: as far along as index 3 of 13")
    densest: int = Field(10, ge=1, description="K, from how many of the densest one is drawn")

    def search(self, setting: Setting) -> "DensitySearch":
        """A new search for one image. Raises ConfigError: no such scale."""
        return DensitySearch(self, setting)

    def most_alive(self, setting: Setting) -> list[int]:
        """One trajectory, and all draws of the scale that is searched."""
        searched = DensitySearch(self, setting).scale
        return [self.num_trajectories if step == searched else 1 for step in range(setting.total_steps)]

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """The only one that finishes."""
        return 0


class DensitySearch(Search):
    """The search for one image: one row, N at the scale, one row."""

    def __init__(self, strategy: Density, setting: Setting) -> None:
        super().__init__(strategy, setting, starts=1)
        self.settings = strategy
        count = len(setting.scales)
        self.scale = stretched((INFINITYS,), count)[0] if strategy.scale is None and count > 1 else strategy.scale or 0
        if self.scale >= count:
            raise ConfigError(f"scale is {self.scale}; the model has scales 0 to {count - 1}.")

    def before_draw(self, step: Step) -> Decision | None:
        """Copies of the row, whose logits are there already."""
        if step.position != self.scale:
            return None
        return Decision(np.zeros(self.strategy.num_trajectories, np.int64), [None] * len(step))

    def after_draw(self, step: Step) -> Decision | None:
        """One of the densest goes on."""
        if step.position != self.scale + 1 or len(step) == 1:
            return None
        assert self.setting.code_vectors is not None  # it serves next-scale models only
        tokens = self.setting.tokens_until(step.position) - self.setting.tokens_until(self.scale)
        vectors = [self.setting.code_vectors(one.codes[None, -tokens:])[0].cpu().numpy() for one in step.images]
        density = densities(np.stack(vectors))
        best = descending(density)[: self.settings.densest]
        generator = np.random.default_rng((self.setting.seed, self.scale, 0xDE45))
        row = int(generator.choice(best, p=rank_weights(len(best))))
        return Decision.of([row], len(step), "another draw of the scale went on", density=density)
