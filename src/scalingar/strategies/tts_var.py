"""TTS-VAR (arXiv 2507.18537): many trajectories at the coarse scales, pruned by diversity and then by reward."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar, Self

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field, model_validator

from scalingar.core.errors import ConfigError, DecodingError
from scalingar.policy.batch_schedule import (
    PAPER_CLUSTERING,
    PAPER_RESAMPLING,
    PAPER_SIZES,
    BatchSchedule,
    check_prunes,
    stretched,
)
from scalingar.policy.diversity import Reduction, reduce_features, select_diverse
from scalingar.policy.potentials import Potential, RewardHistory, log_potential
from scalingar.policy.resampling import Method, probabilities, resample
from scalingar.strategies.best_of_n import BestOfN
from scalingar.strategies.scale_search import ScaleDecision, ScaleSearch, ScaleStep
from scalingar.strategies.setting import Family
from scalingar.strategies.strategy import STRATEGIES, Setting


@dataclass(frozen=True)
class Plan:
    """The batch after each scale of a model, and the scales that prune by clustering and by resampling."""

    schedule: BatchSchedule
    clustering: tuple[int, ...]
    resampling: tuple[int, ...]


@STRATEGIES.register("tts-var")
class TTSVar(BestOfN):
    """The method of the paper; the final pick among N is that of best-of-n, as released.

    Off, ``clustering`` or ``resampling`` leaves the batches as they are; the prunes of its scales then keep the first
    rows, which is as blind as a draw, for nothing but noise tells trajectories apart before anybody looks (chosen).
    """

    families: ClassVar[tuple[Family, ...]] = ("next-scale",)

    num_trajectories: int = Field(1, ge=1, description="N, multiplies every batch: 8 N at first, N at last")
    reward: str = Field(
        "confidence", description="name of the reward, or name:source; the paper's is image-reward, this one is free"
    )
    batch_sizes: tuple[int, ...] | None = Field(
        None, description="first batch and what each prune leaves, for N = 1; None: the paper's 8, 6, 4, 2, 1"
    )
    schedule: tuple[int, ...] | None = Field(
        None, description="batch after each scale for N = 1, in place of batch_sizes"
    )
    clustering_scales: tuple[int, ...] | None = Field(
        None, description="scales (from 0) that prune by clustering; None: as far along as the paper's 2, 5 of 13"
    )
    resampling_scales: tuple[int, ...] | None = Field(
        None, description="scales that prune by resampling; None: as far along as the paper's 6, 9 of 13"
    )
    clustering: bool = Field(True, description="off: the prunes of clustering_scales are blind")
    resampling: bool = Field(True, description="off: the prunes of resampling_scales are blind")
    feature: str = Field("pixels", description="what is clustered: pixels, or the paper's dinov2; name:source")
    reduction: Reduction = Field("per-image", description="from patch features to one row per image")
    potential: Potential = Field("value", description="what rewards are worth in resampling")
    topk: int | None = Field(None, ge=1, description="k of the potential topk")
    temperature_inverse: float = Field(10.0, ge=0, description="λ, inverse temperature of resampling")
    method: Method = Field("multinomial", description="how resampling draws; systematic spreads copies evenly")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.schedule is not None and self.batch_sizes is not None:
            raise ValueError("batch_sizes and schedule say the same in two ways; leave one out")
        if (self.topk is None) == (self.potential == "topk"):
            raise ValueError(
                f"topk is {self.topk} and the potential {self.potential}; give topk with the potential topk"
            )
        return self

    @property
    def feature_name(self) -> str | None:
        """What it compares images by; None where it compares none."""
        return self.feature if self.clustering else None

    def scale_search(self, setting: Setting) -> "TTSVarSearch":
        """A fresh run for one prompt.

        Raises:
            ConfigError: the schedule does not fit the model's scales, or clustering lacks its package.
        """
        if self.clustering and find_spec("sklearn") is None:
            raise ConfigError(
                "tts-var clusters with scikit-learn, which is not installed; install it with "
                "'pip install scalingar[next-scale]', or set clustering to false."
            )
        return TTSVarSearch(setting, self)

    def plan(self, scales: int) -> Plan:
        """What happens after which of a model's scales. Raises ConfigError if that cannot be."""
        try:
            return self._plan(scales)
        except ValueError as error:
            raise ConfigError(f"tts-var on a model of {scales} scales: {error}.") from None

    def _plan(self, scales: int) -> Plan:
        clustering, resampling = self._prunes(scales)
        prunes = sorted({*clustering, *resampling})
        if len(prunes) < len(clustering) + len(resampling):
            raise ValueError("a scale cannot prune both by clustering and by resampling")
        if self.schedule is None:
            schedule = BatchSchedule.staged(self.batch_sizes or PAPER_SIZES, prunes, scales)
        elif len(self.schedule) == scales:
            schedule = BatchSchedule(self.schedule)
        else:
            raise ValueError(f"the schedule has {len(self.schedule)} numbers; give one per scale")
        for scale in clustering:
            if scale not in schedule.drops:
                raise ValueError(f"clustering at scale {scale} would select all {schedule.after[scale]} trajectories")
        for scale in schedule.drops:
            if scale not in prunes:
                raise ValueError(f"the batch shrinks after scale {scale}, which neither clusters nor resamples")
        return Plan(
            schedule.times(self.num_trajectories),
            clustering if self.clustering else (),
            resampling if self.resampling else (),
        )

    def _prunes(self, scales: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Scales of both kinds, each checked: given, or where the paper has them."""
        paper: tuple[int, ...] = ()
        if self.clustering_scales is None or self.resampling_scales is None:
            paper = stretched((*PAPER_CLUSTERING, *PAPER_RESAMPLING), scales)
        count = len(PAPER_CLUSTERING)
        clustering = paper[:count] if self.clustering_scales is None else self.clustering_scales
        resampling = paper[count:] if self.resampling_scales is None else self.resampling_scales
        for prunes in (clustering, resampling):
            check_prunes(prunes, scales)
        return clustering, resampling


class TTSVarSearch(ScaleSearch):
    """One prompt: after each scale nothing, a clustering, a resampling, or where that is off a blind prune."""

    def __init__(self, setting: Setting, strategy: TTSVar) -> None:
        self.plan = strategy.plan(len(setting.scales))
        super().__init__(self.plan.schedule.after[0])
        self.setting = setting
        self.strategy = strategy
        self.history = RewardHistory.start(self.starts)

    def observe(self, step: ScaleStep) -> ScaleDecision:
        """Raises DecodingError when features or rewards are no numbers."""
        target = self.plan.schedule.after[step.scale]
        if step.scale in self.plan.resampling:
            return self._resampled(step, target)
        if step.scale in self.plan.clustering and target < len(step):
            return self._clustered(step, target)
        return ScaleDecision(np.arange(min(target, len(step))), "the schedule kept the first rows")

    def follow(self, rows: Int[np.ndarray, " m"]) -> None:
        """A copy has its ancestor's rewards."""
        self.history = RewardHistory(self.history.rewards[rows])

    def reduced(self, step: ScaleStep) -> Float[np.ndarray, "n f"]:
        """What is clustered: one row of features per image."""
        features = step.features()
        with _explained(step.scale):
            return reduce_features(features, self.strategy.reduction)

    def drawn(self, log_weights: Float[np.ndarray, " n"], count: int, scale: int) -> Int[np.ndarray, " m"]:
        """``count`` rows in proportion to their weights, by randomness of this prompt and scale alone."""
        generator = np.random.default_rng((self.setting.seed, scale, 0x775AA))
        return resample(log_weights, count, self.strategy.method, generator)

    def _clustered(self, step: ScaleStep, count: int) -> ScaleDecision:
        return ScaleDecision(select_diverse(self.reduced(step), count), "another of its cluster went on")

    def _resampled(self, step: ScaleStep, count: int) -> ScaleDecision:
        rewards = step.rewards()
        self.history = self.history.record(rewards)
        strategy = self.strategy
        weights = log_potential(strategy.potential, self.history, strategy.temperature_inverse, strategy.topk or 1)
        with _explained(step.scale):
            trace = {"reward": rewards, "weight": probabilities(weights)}
        return ScaleDecision(self.drawn(weights, count, step.scale), "not drawn in resampling", trace)


@contextmanager
def _explained(scale: int) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise DecodingError(f"at scale {scale} {error}; check the model's weights and their dtype.") from None
