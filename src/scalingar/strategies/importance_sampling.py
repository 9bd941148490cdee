"""Importance sampling: complete every trajectory, draw one in proportion to exp(λ · reward)."""

import numpy as np
from pydantic import Field

from scalingar.core.outputs import Candidate
from scalingar.strategies.best_of_n import RewardedStrategy
from scalingar.strategies.strategy import STRATEGIES, Setting, choice_generator


@STRATEGIES.register("importance-sampling")
class ImportanceSampling(RewardedStrategy):
    """The baseline of TTS-VAR's protocol; λ = 10 is its λ (the ScalingAR paper prints none)."""

    temperature_inverse: float = Field(10.0, ge=0, description="λ, inverse temperature")

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """A draw from softmax(λ · reward)."""
        logits = self.temperature_inverse * np.array(self.scores(candidates))
        weights = np.exp(logits - logits.max())
        return int(choice_generator(setting).choice(len(weights), p=weights / weights.sum()))
