"""Importance sampling: complete every trajectory, draw one in proportion to exp(λ · reward)."""

import numpy as np
from pydantic import Field

from scalingar.core.outputs import Candidate
from scalingar.strategies.needs import Needs
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, choice_generator


@STRATEGIES.register("importance-sampling")
class ImportanceSampling(Strategy):
    """Draws one of N complete trajectories with probability ∝ exp(λ · reward): the baseline of TTS-VAR's protocol.

    λ = 10 is that of the protocol (the ScalingAR paper prints none).
    """

    reward: str | None = Field(
        None, description="name of the reward, or name:source for weights of your own; None: the model's own"
    )
    temperature_inverse: float = Field(10.0, ge=0, description="λ, inverse temperature")

    def needs(self) -> Needs:
        """Its reward."""
        return Needs(rewarded=True, reward=self.reward)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """A sample from softmax(λ · reward)."""
        logits = self.temperature_inverse * np.array([candidate.rewards[str(self.reward)] for candidate in candidates])
        weights = np.exp(logits - logits.max())
        return int(choice_generator(setting).choice(len(weights), p=weights / weights.sum()))
