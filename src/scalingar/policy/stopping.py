"""When to stop drawing more trajectories of a prompt: the best reward so far is good enough, or rises no more."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import Field

from scalingar.core.settings import Settings
from scalingar.profile.rounding import reaches, rises


class StoppingRule(Settings):
    """Waves of trajectories until one is good enough; with neither threshold nor patience never before the last.

    The baselines that "how many samples for this prompt" is held against in text models (arXiv 2510.01394 and its
    reviews): a fixed threshold, and no rise for k draws.
    """

    wave: int = Field(1, ge=1, description="k, trajectories drawn together before the next look at their rewards")
    threshold: float | None = Field(None, description="reward at which to stop; None: at none")
    patience: int | None = Field(
        None, ge=1, description="p, trajectories without a rise of the best reward after which to stop; None: never"
    )

    def next_wave(self, rewards: Sequence[float], most: int) -> int:
        """How many more trajectories to draw after those with these rewards, at most ``most`` in all; 0: stop."""
        if not rewards:
            return min(self.wave, most)
        stop = self._stops(np.asarray(rewards, np.float64))[-1]
        return 0 if stop else min(self.wave, most - len(rewards))

    def taken(self, rewards: Float[np.ndarray, "i n"]) -> Int[np.ndarray, " i"]:
        """How many of n trajectories, whose rewards are known in advance, would be drawn of each image."""
        stops = self._stops(rewards) & (np.arange(1, rewards.shape[-1] + 1) % self.wave == 0)
        stops[..., -1] = True
        return stops.argmax(axis=-1) + 1

    def _stops(self, rewards: Float[np.ndarray, "*i n"]) -> Bool[np.ndarray, "*i n"]:
        """Whether no more would be drawn after each of the trajectories."""
        counts = np.arange(1, rewards.shape[-1] + 1)
        best = np.maximum.accumulate(rewards, axis=-1)
        stops = np.zeros(rewards.shape, bool)
        if self.threshold is not None:
            stops |= reaches(best, self.threshold)
        if self.patience is not None:
            stops |= counts - np.maximum.accumulate(np.where(rises(best), counts, 0), axis=-1) >= self.patience
        return stops
