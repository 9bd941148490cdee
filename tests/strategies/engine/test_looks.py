"""Pictures are decoded, scored and described in batches, and everything is counted per picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from scalingar.core.outputs import Candidate, Ledger
from scalingar.core.pixels import rounded
from scalingar.rewards.reward import FunctionReward, PixelReward
from scalingar.strategies.engine.looks import ImageLooks


def candidate(index: int, tokens: int) -> Candidate:
    codes = torch.arange(index, index + tokens)
    return Candidate(prompt="a cat", index=index, codes=codes, cut=None, signals={}, trace={})


class Eyes:
    """A decoder, a reward and a feature that keep what they were given at once."""

    def __init__(self) -> None:
        self.decoded: list[list[int]] = []
        self.scored: list[int] = []
        self.described: list[int] = []

    def pictures(self, codes: list[Tensor], prompts: list[str] | None = None) -> Tensor:
        self.decoded.append([int(own[0]) for own in codes])
        levels = torch.stack([own[0] / 100 - len(own) / 10 for own in codes])
        return levels[:, None, None, None].expand(-1, 3, 2, 2).clamp(-1, 1)

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        self.scored.append(len(images))
        return [float(np.asarray(image).mean()) for image in images]

    def describe(self, images: Sequence[Image.Image]) -> Tensor:
        self.described.append(len(images))
        return torch.stack([torch.from_numpy(np.array(image)).float().flatten(0, 1) for image in images])


def looks(eyes: Eyes, **options: Any) -> ImageLooks:
    reward = FunctionReward(eyes.score)
    reward.independent = True
    return ImageLooks(eyes.pictures, Ledger(), **{"reward": reward, "feature": eyes.describe, **options})


MIXED = (4, 4, 2, 4, 2, 4, 4)
"""Tokens of seven candidates."""


@pytest.mark.parametrize(
    ("per_batch", "batches"),
    [
        (1, [[0], [1], [3], [5], [6], [2], [4]]),
        (2, [[0, 1], [3, 5], [6], [2, 4]]),
        (8, [[0, 1, 3, 5, 6], [2, 4]]),
    ],
)
def test_equally_long_candidates_are_decoded_together(per_batch: int, batches: list[list[int]]) -> None:
    eyes, seven = Eyes(), [candidate(index, tokens) for index, tokens in enumerate(MIXED)]
    own = looks(eyes, per_batch=per_batch)
    own.decode(seven)
    own.decode(seven)
    assert eyes.decoded == batches
    assert own.ledger.decodes == 7
    for one in seven:
        assert one.image is not None
        assert one.image.tobytes() == rounded(Eyes().pictures([one.codes])[0]).tobytes()
        assert one.pixels is None


def test_pixels_are_kept_with_their_candidate() -> None:
    eyes, four = Eyes(), [candidate(index, 3) for index in range(4)]
    looks(eyes, per_batch=3, keep_pixels=True).decode(four)
    for one in four:
        assert one.pixels is not None
        assert torch.equal(one.pixels, eyes.pictures([one.codes])[0])


@pytest.mark.parametrize(("at_once", "parts"), [(None, [7]), (3, [3, 3, 1])])
def test_independent_rewards_and_features_see_so_many_at_once(at_once: int | None, parts: list[int]) -> None:
    eyes, seven = Eyes(), [candidate(index, tokens) for index, tokens in enumerate(MIXED)]
    own = looks(eyes, per_batch=8, seen_per_batch=at_once)
    scores, features = own.score(seven), own.describe(seven)
    assert eyes.scored == eyes.described == parts
    assert scores.tolist() == [float(np.asarray(one.image).mean()) for one in seven]
    assert torch.equal(features, Eyes().describe([one.image for one in seven if one.image is not None]))
    assert (own.ledger.decodes, own.ledger.reward_calls, own.ledger.feature_calls) == (7, 7, 7)


def test_a_reward_that_compares_images_sees_all() -> None:
    class Rank(PixelReward):
        def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
            means = [np.asarray(image).mean() for image in images]
            return [float(sorted(means).index(mean)) for mean in means]

    four = [candidate(index, 1) for index in (3, 0, 2, 1)]
    assert looks(Eyes(), reward=Rank(), seen_per_batch=1).score(four).tolist() == [3, 0, 2, 1]
