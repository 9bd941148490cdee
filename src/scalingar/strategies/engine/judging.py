"""Pictures of candidates, what a reward says of them and what they look like: made when asked for, and counted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate, Ledger, PromptResult, Truncation
from scalingar.rewards.features.feature import Feature
from scalingar.rewards.reward import PixelReward, Reward, ask
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import Strategy


@dataclass
class Judge:
    """``picture`` makes a candidate's image from its codes, all of them or those of its first scales.

    ``reward_name``: what the reward is called in messages and in ``Candidate.rewards``.
    """

    picture: Callable[[Candidate], Image.Image]
    ledger: Ledger
    reward: Reward | None = None
    reward_name: str = ""
    feature: Feature | None = None

    def decode(self, candidates: list[Candidate]) -> None:
        """Give an image to those that have none, one by one: so none depends on what else is decoded."""
        for candidate in candidates:
            if candidate.image is None:
                with self.ledger.timed("decode"):
                    candidate.image = self.picture(candidate)
                self.ledger.decodes += 1

    def score(self, candidates: list[Candidate]) -> Float[np.ndarray, " n"]:
        """What the reward says, also noted in the candidates. Raises ConfigError without one, or if it breaks down."""
        if self.reward is None:
            raise ConfigError("this strategy asks a reward, and none was given; name one.")
        if self.reward.counts_images:
            self.decode(candidates)
            self.ledger.reward_calls += len(candidates)
        with self.ledger.timed("reward"):
            scores = ask(self.reward, self.reward_name, candidates)
        for candidate, score in zip(candidates, scores, strict=True):
            candidate.rewards[self.reward_name] = score
        return np.array(scores, np.float64)

    def describe(self, candidates: list[Candidate]) -> Float[Tensor, "n t d"]:
        """Features of the candidates' images. Raises ConfigError without a feature."""
        if self.feature is None:
            raise ConfigError("this strategy compares images by features, and none were given; name one.")
        self.decode(candidates)
        self.ledger.feature_calls += len(candidates)
        with self.ledger.timed("features"):
            return self.feature([one.image for one in candidates if one.image is not None])

    def result(
        self, strategy: Strategy, prompt: str, setting: Setting, candidates: Mapping[int, Candidate]
    ) -> PromptResult:
        """A prompt's end: score where the strategy asks for it, pick among those that finished, show the pick."""
        ordered = [candidates[index] for index in sorted(candidates)]
        finished = [candidate for candidate in ordered if candidate.finished]
        truncated = {}
        if strategy.needs_reward:
            self.score(finished)
            truncated = self.truncated(prompt)
        chosen = finished[strategy.choose(finished, setting)]
        self.decode([chosen])
        return PromptResult(prompt, setting.seed, ordered, chosen.index, truncated)

    def truncated(self, prompt: str) -> dict[str, Truncation]:
        """What the reward does not read of the prompt, under its name."""
        found = self.reward.truncation(prompt) if isinstance(self.reward, PixelReward) else None
        return {} if found is None else {self.reward_name: found}
