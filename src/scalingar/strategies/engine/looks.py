"""Pictures of candidates, what a reward says of them and what they look like: made when asked for, and counted."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate, Ledger, Truncation
from scalingar.core.pixels import rounded
from scalingar.rewards.features.feature import Feature
from scalingar.rewards.reward import PixelReward, Reward, ask


@dataclass
class Eyes:
    """What a strategy judges by: its reward, under the name that candidates keep it by, and its feature."""

    reward: Reward | None = None
    reward_name: str = ""
    feature: Feature | None = None


@dataclass
class ImageLooks:
    """Looks at pictures through ``eyes``; ``pixels`` makes them of codes, all or the first, in RGB in [-1, 1].

    ``to_image``: from pixels to 8 bits. ``keep_pixels``: a candidate keeps them too.
    """

    pixels: Callable[[Tensor], Float[Tensor, "3 h w"]]
    ledger: Ledger
    eyes: Eyes = field(default_factory=Eyes)
    to_image: Callable[[Float[Tensor, "3 h w"]], Image.Image] = rounded
    keep_pixels: bool = False

    def decode(self, candidates: list[Candidate]) -> None:
        """Give a picture to those that have none, one by one: so none depends on what else is decoded."""
        for candidate in candidates:
            if candidate.image is None:
                with self.ledger.timed("decode"):
                    pixels = self.pixels(candidate.codes)
                    candidate.image = self.to_image(pixels)
                if self.keep_pixels:
                    candidate.pixels = pixels
                self.ledger.decodes += 1

    def score(self, candidates: list[Candidate]) -> Float[np.ndarray, " n"]:
        """What the reward says, also noted in the candidates. Raises ConfigError without one, or if it breaks down."""
        reward, name = self.eyes.reward, self.eyes.reward_name
        if reward is None:
            raise ConfigError("this strategy asks a reward, and none was given; name one.")
        unscored = [candidate for candidate in candidates if name not in candidate.rewards]
        if reward.counts_images:
            self.decode(unscored)
            self.ledger.reward_calls += len(unscored)
        if unscored:
            with self.ledger.timed("reward"):
                scores = ask(reward, name, unscored)
            for candidate, score in zip(unscored, scores, strict=True):
                candidate.rewards[name] = score
        return np.array([candidate.rewards[name] for candidate in candidates], np.float64)

    def describe(self, candidates: list[Candidate]) -> Float[Tensor, "n t d"]:
        """Features of the candidates' pictures. Raises ConfigError without a feature."""
        if self.eyes.feature is None:
            raise ConfigError("this strategy compares images by features, and none were given; name one.")
        self.decode(candidates)
        self.ledger.feature_calls += len(candidates)
        with self.ledger.timed("features"):
            return self.eyes.feature([candidate.image for candidate in candidates if candidate.image is not None])

    def truncated(self, prompt: str) -> dict[str, Truncation]:
        """What the reward does not read of the prompt, under its name."""
        reward = self.eyes.reward
        truncation = reward.truncation(prompt) if isinstance(reward, PixelReward) else None
        return {} if truncation is None else {self.eyes.reward_name: truncation}
