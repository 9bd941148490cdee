"""Images, rewards and features of candidates, computed on demand and counted in the ledger."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate, Ledger, Truncation
from scalingar.core.pixels import rounded
from scalingar.rewards.features.feature import Feature
from scalingar.rewards.reward import PixelReward, Reward, score_candidates


@dataclass
class ImageLooks:
    """Decodes, scores and describes candidates.

    ``pixels``: RGB in [-1, 1] from codes, complete or not. ``reward_name``: under which candidates keep scores.
    ``to_image``: from pixels to 8 bits. ``keep_pixels``: store the pixels in the candidate too.
    """

    pixels: Callable[[Tensor], Float[Tensor, "3 h w"]]
    ledger: Ledger
    reward: Reward | None = None
    reward_name: str = ""
    feature: Feature | None = None
    to_image: Callable[[Float[Tensor, "3 h w"]], Image.Image] = rounded
    keep_pixels: bool = False

    def decode(self, candidates: list[Candidate]) -> None:
        """Decode candidates without an image, one by one, so that no image depends on the others."""
        for candidate in candidates:
            if candidate.image is None:
                with self.ledger.timed("decode"):
                    pixels = self.pixels(candidate.codes)
                    candidate.image = self.to_image(pixels)
                if self.keep_pixels:
                    candidate.pixels = pixels
                self.ledger.decodes += 1

    def score(self, candidates: list[Candidate]) -> Float[np.ndarray, " n"]:
        """Rewards, also stored in the candidates. Raises ConfigError without a reward, or if it fails."""
        if self.reward is None:
            raise ConfigError("this strategy needs a reward, and none is set; name one.")
        name = self.reward_name
        unscored = [candidate for candidate in candidates if name not in candidate.rewards]
        if self.reward.counts_images:
            self.decode(unscored)
            self.ledger.reward_calls += len(unscored)
        if unscored:
            with self.ledger.timed("reward"):
                scores = score_candidates(self.reward, name, unscored)
            for candidate, score in zip(unscored, scores, strict=True):
                candidate.rewards[name] = score
        return np.array([candidate.rewards[name] for candidate in candidates], np.float64)

    def describe(self, candidates: list[Candidate]) -> Float[Tensor, "n t d"]:
        """Features of the images. Raises ConfigError without a feature."""
        if self.feature is None:
            raise ConfigError("this strategy needs an image feature, and none is set; name one.")
        self.decode(candidates)
        self.ledger.feature_calls += len(candidates)
        with self.ledger.timed("features"):
            return self.feature([candidate.image for candidate in candidates if candidate.image is not None])

    def truncated(self, prompt: str) -> dict[str, Truncation]:
        """What the reward does not read of the prompt, under its name."""
        truncation = self.reward.truncation(prompt) if isinstance(self.reward, PixelReward) else None
        return {} if truncation is None else {self.reward_name: truncation}
