"""FR-TTS (arXiv 2512.00438): prefixes judged by their best filling and by how unlike the others they are."""

import math
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field, model_validator

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import DecodingError
from scalingar.policy.diversity import check_numbers
from scalingar.policy.fill_reward import Blocks, FillSearch
from scalingar.policy.filling import FILLING, at_hand, blocks_of, with_blocks
from scalingar.policy.resampling import resample
from scalingar.profile.rounding import descending
from scalingar.strategies.needs import Needs
from scalingar.strategies.rivals.judged import CheckedSearch, JudgesPrefixes, check_shares, steps_at
from scalingar.strategies.search import Decision, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES

ONLY_DIVERSITY, ONLY_REWARD = 6 / 24, 18 / 24
"""Shares of the rows until which diversity has all of the weight, and from which it has none."""


@STRATEGIES.register("fr-tts")
class FRTTS(JudgesPrefixes):
    """At each check N prefixes are drawn from the best by fill-in reward and diversity, late ones from fewer.

    As released: the checks, blocks of half a row, both scores min-max normalised over the live ones, softmax at
    temperature 1, and 9 to 15 fillings of each prefix, all of which are looks. Chosen: pictures are told apart by any
    feature (published: VGG16's); the best finished image by reward is handed out.
    """

    serves: ClassVar[tuple[Decoding, ...]] = ("next-token",)

    checks: tuple[float, ...] = Field((0.5, 0.75), description="after which shares of the codes prefixes are judged")
    search_fill: FillSearch = FillSearch()
    feature: str = Field("pixels", description="by which pictures are told apart; name:source")

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_shares(self.checks)
        if self.fill is not None:
            raise ValueError("fr-tts looks for its own filling; leave fill out")
        return self

    def needs(self) -> Needs:
        """Its reward and its feature."""
        return Needs(rewarded=True, reward=self.reward, feature=self.feature)

    def search(self, setting: Setting) -> "FRTTSSearch":
        """A new search for one image."""
        return FRTTSSearch(self, setting)


class FRTTSSearch(CheckedSearch):
    """The search for one image."""

    def __init__(self, strategy: FRTTS, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings = strategy
        self.checks = frozenset(steps_at(strategy.checks, setting))

    def check(self, step: Step) -> Decision | None:
        """N drawn in proportion to exp(score) from the best few."""
        if len(step) == 1:
            return None
        share = step.position / self.setting.total_steps
        rewards = np.array([self.fill_reward(step, row) for row in range(len(step))])
        features = step.features()
        try:
            check_numbers(features)
        except ValueError as error:
            raise DecodingError(f"at {self.setting.step_name} {step.position} {error}.") from None
        apart = nearest_before(features.flatten(1).double().cpu().numpy())
        weight = diversity_weight(share, float(rewards.var()))
        scores = weight * normalised(apart) + (1 - weight) * normalised(rewards)
        best = descending(scores)[: kept(share, len(step))]
        generator = np.random.default_rng((self.setting.seed, step.position, 0xF77))
        rows = best[resample(scores[best], len(step), "multinomial", generator)]
        return Decision.of(rows, len(step), "not drawn in resampling", reward=rewards, diversity=apart, score=scores)

    def fill_reward(self, step: Step, row: int) -> float:
        """The reward of a row's best filling, each filling a look."""
        images = step.images.of([row])
        before, own, grid = at_hand(images[0].codes, self.setting.grid, self.setting.preview)
        drawn, missing = blocks_of(len(own), grid)
        if not drawn or not missing:  # the latter of a preview that is complete
            return float(images.rewards()[0])

        def rate(fillings: Sequence[Blocks]) -> Float[np.ndarray, " k"]:
            made = [torch.cat([before, with_blocks(own, grid, filling)]) for filling in fillings]
            return np.concatenate([images.with_codes([one]).rewards() for one in made])

        generator = np.random.default_rng((self.setting.seed, step.position, step.indices[row], FILLING))
        return self.settings.search_fill.best(rate, drawn, missing, generator)


def nearest_before(features: Float[np.ndarray, "n f"]) -> Float[np.ndarray, " n"]:
    """Distance of each picture to the nearest before it, of normalised features; of the first one to the second."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    gaps = np.linalg.norm(unit[:, None] - unit[None], axis=2)
    return np.array([gaps[0, 1], *(gaps[row, :row].min() for row in range(1, len(gaps)))])


def normalised(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Between 0 and 1, min-max; all 0 where they are equal."""
    spread = float(np.ptp(values))
    return (values - values.min()) / spread if spread > 0 else np.zeros(len(values))


def diversity_weight(share: float, variance: float) -> float:
    """1 until row 6 of 24, linear to 0 at row 18; up to 0.3 less, or more, as rewards differ much, or little."""
    linear = np.clip((ONLY_REWARD - share) / (ONLY_REWARD - ONLY_DIVERSITY), 0, 1)
    shift = 0.3 * (2 / (1 + math.exp(-10 * (variance - 0.03))) - 1) if variance < 60 else 0.3
    return float(np.clip(linear - shift, 0, 1))


def kept(share: float, count: int) -> int:
    """All until code 200 of 576, half until 400, then a quarter."""
    return max(1, count if share < 200 / 576 else count // 2 if share < 400 / 576 else count // 4)
