"""Images, rewards and features of candidates, computed on demand and counted in the ledger."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.chat.sent import counting
from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate, Ledger, Truncation
from scalingar.core.pixels import all_rounded
from scalingar.rewards.features.feature import CodeFeature, Feature
from scalingar.rewards.reward import PixelReward, Reward, score_candidates
from scalingar.rewards.verifiers.verifier import Verifier

T = TypeVar("T")


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Parts of ``size`` items, the last as long as it comes."""
    return (items[start : start + size] for start in range(0, len(items), size))


@dataclass
class ImageLooks:
    """Decodes, scores and describes candidates.

    ``pictures``: RGB in [-1, 1] from the codes of several images, as many of each, complete or not, and their prompts.
    ``latents``: what a feature of codes describes in place of pictures; None where the model has none.
    ``verifier``: what values prefixes while images are drawn, from hidden states or latents.
    ``reward_name``: under which candidates keep scores. ``to_images``: from pixels to 8 bits. ``keep_pixels``: store
    the pixels in the candidate too. ``per_batch``: pictures decoded together. ``seen_per_batch``: pictures that a
    feature, or a reward whose scores are independent, gets together; None: all, and they batch as they like.
    """

    pictures: Callable[[list[Tensor], list[str]], Float[Tensor, "m 3 h w"]]
    ledger: Ledger
    reward: Reward | None = None
    reward_name: str = ""
    feature: Feature | None = None
    verifier: Verifier | None = None
    latents: Callable[[list[Tensor]], Float[Tensor, "m d h w"]] | None = None
    to_images: Callable[[Float[Tensor, "m 3 h w"]], list[Image.Image]] = all_rounded
    keep_pixels: bool = False
    per_batch: int = 1
    seen_per_batch: int | None = None

    def decode(self, candidates: list[Candidate]) -> None:
        """Decode candidates without an image, those with equally many codes together.

        With ``per_batch`` 1 no image depends on the others, to the last bit.
        """
        by_length: dict[int, list[Candidate]] = {}
        for candidate in candidates:
            if candidate.image is None:
                by_length.setdefault(len(candidate.codes), []).append(candidate)
        for equal in by_length.values():
            for batch in in_batches(equal, self.per_batch):
                self._decode(batch)

    def _decode(self, batch: Sequence[Candidate]) -> None:
        with self.ledger.timed("decode"):
            codes, prompts = [candidate.codes for candidate in batch], [candidate.prompt for candidate in batch]
            pixels = self.pictures(codes, prompts)
            made = self.to_images(pixels)
        for candidate, image, own in zip(batch, made, pixels, strict=True):
            candidate.image = image
            if self.keep_pixels:
                candidate.pixels = own
        self.ledger.decodes += len(batch)

    def score(self, candidates: list[Candidate]) -> Float[np.ndarray, " n"]:
        """Rewards, also stored in the candidates. Raises ConfigError without a reward, or if it fails."""
        if self.reward is None:
            raise ConfigError("this strategy needs a reward, and none is set; name one.")
        name = self.reward_name
        compares = getattr(self.reward, "compares", False)
        unscored = [candidate for candidate in candidates if compares or name not in candidate.rewards]
        if self.reward.counts_images:
            self.decode(unscored)
            self.ledger.reward_calls += len(unscored)
        if unscored:
            with self.ledger.timed("reward"), counting() as sent:
                single = isinstance(self.reward, PixelReward) and self.reward.independent
                parts = in_batches(unscored, (self.seen_per_batch if single else None) or len(unscored))
                scores = [score for part in parts for score in score_candidates(self.reward, name, list(part))]
            self.ledger.requests += sent.count
            for candidate, score in zip(unscored, scores, strict=True):
                candidate.rewards[name] = score
        return np.array([candidate.rewards[name] for candidate in candidates], np.float64)

    def describe(self, candidates: list[Candidate]) -> Float[Tensor, "n t d"]:
        """Features of the images. Raises ConfigError without a feature."""
        if self.feature is None:
            raise ConfigError("this strategy needs an image feature, and none is set; name one.")
        self.ledger.feature_calls += len(candidates)
        if isinstance(self.feature, CodeFeature):
            if self.latents is None:
                raise ConfigError("the feature describes latents, and this model draws none; name another feature.")
            with self.ledger.timed("features"):
                return self.feature.of_latents(self.latents([candidate.codes for candidate in candidates]))
        self.decode(candidates)
        with self.ledger.timed("features"):
            seen = [candidate.image for candidate in candidates if candidate.image is not None]
            return torch.cat([self.feature(part) for part in in_batches(seen, self.seen_per_batch or len(seen))])

    def truncated(self, prompt: str) -> dict[str, Truncation]:
        """What the reward does not read of the prompt, under its name."""
        truncation = self.reward.truncation(prompt) if isinstance(self.reward, PixelReward) else None
        return {} if truncation is None else {self.reward_name: truncation}
