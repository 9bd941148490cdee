"""The reward of a raster prefix as FR-TTS (arXiv 2512.00438) finds it: the best of a few fillings, improved."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field

from scalingar.core.settings import Settings

Blocks = Int[np.ndarray, " m"]
"""Which drawn block stands in the place of each missing one."""
Rate = Callable[[Sequence[Blocks]], Float[np.ndarray, " k"]]
"""Rewards of several fillings."""


class FillSearch(Settings):
    """How long the best filling is looked for; the defaults are the release's.

    Bounded, because all of it happens within one step, while whatever else is decoded waits (chosen).
    """

    fillings: int = Field(5, ge=1, le=32, description="random fillings to begin with")
    rounds: int = Field(5, ge=0, le=16, description="most rounds of local search")
    tries: int = Field(2, ge=1, le=4, description="changes that a round tries; the first improvement is taken")
    changed: float = Field(
        0.25, gt=0, le=1, description="share of the missing blocks drawn anew in a change, at least one"
    )
    patience: int = Field(2, ge=1, description="rounds without an improvement after which it ends")

    def best(self, rate: Rate, drawn: int, missing: int, generator: np.random.Generator) -> float:
        """The highest reward found for a prefix of ``drawn`` blocks that lacks ``missing``."""
        first = [generator.integers(drawn, size=missing) for _ in range(self.fillings)]
        rewards = rate(first)
        filling, reward = first[int(rewards.argmax())], float(rewards.max())
        idle = 0
        for _ in range(self.rounds):
            better = self._improved(rate, filling, reward, drawn, generator)
            idle = 0 if better else idle + 1
            filling, reward = better or (filling, reward)
            if idle >= self.patience:
                break
        return reward

    def _improved(
        self, rate: Rate, filling: Blocks, reward: float, drawn: int, generator: np.random.Generator
    ) -> tuple[Blocks, float] | None:
        """The first of a few changes that is better, with its reward."""
        count = max(1, round(self.changed * len(filling)))
        for _ in range(self.tries):
            trial = filling.copy()
            places = generator.choice(len(filling), size=count, replace=False)
            trial[places] = generator.integers(drawn, size=count)
            found = float(rate([trial])[0])
            if found > reward:
                return trial, found
        return None
