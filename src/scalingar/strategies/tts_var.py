"""TTS-VAR (arXiv 2507.18537): many trajectories at the coarse scales, pruned by diversity and then by reward."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field, model_validator

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ConfigError, DecodingError, sentence
from scalingar.core.outputs import Candidate
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
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Decision, Search, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import MOST_TRAJECTORIES, STRATEGIES, Strategy, argmax, most_valued


@dataclass(frozen=True)
class Plan:
    """The batch after each scale of a model, and the scales that prune by clustering and by resampling."""

    schedule: BatchSchedule
    clustering: tuple[int, ...]
    resampling: tuple[int, ...]


@STRATEGIES.register("tts-var")
class TTSVar(Strategy):
    """Keeps coarse beginnings for diversity, then by reward; takes the best of the last N (arXiv 2507.18537).

    Of the last N trajectories it returns the one with the highest reward, as released.

    With ``clustering`` or ``resampling`` off the batch sizes stay the same: at those scales the first rows are kept,
    which is equivalent to a random choice, since rows differ only by their noise (chosen).
    """

    serves: ClassVar[tuple[Decoding, ...]] = ("next-scale",)

    num_trajectories: int = Field(
        1, ge=1, le=MOST_TRAJECTORIES, description="N, multiplies every batch: 8 N at first, N at last"
    )
    reward: str | None = Field(
        None, description="name of the reward, or name:source; None: the model's own; the paper's is image-reward"
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
    scores: Literal["reward", "verifier"] = Field(
        "reward", description="what resampling and the last choice go by; the verifier sees no picture"
    )
    verifier: str | None = Field(None, description="of the scores verifier: a folder, or a name; None: the model's own")
    feature: str = Field(
        "pixels",
        description="what is clustered: pixels, the paper's dinov2, or latent, which decodes no picture; name:source",
    )
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
        if self.scores == "verifier" and self.reward is not None:
            raise ValueError(f"nothing asks the reward {self.reward}; leave it out, or set scores to reward")
        if self.scores == "reward" and self.verifier is not None:
            raise ValueError(f"nothing asks the verifier {self.verifier}; leave it out, or set scores to verifier")
        return self

    def needs(self) -> Needs:
        """Its reward or its verifier, and its feature where it clusters."""
        rewarded = self.scores == "reward"
        return Needs(
            rewarded=rewarded,
            reward=self.reward,
            feature=self.feature if self.clustering else None,
            verified=not rewarded,
            verifier=self.verifier,
        )

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the highest reward or value, the first on ties."""
        if self.scores == "verifier":
            return most_valued(candidates)
        return argmax(candidate.rewards[str(self.reward)] for candidate in candidates)

    def search(self, setting: Setting) -> "TTSVarSearch":
        """A new search for one image.

        Raises:
            ConfigError: the schedule does not fit the model's scales.
        """
        return TTSVarSearch(setting, self)

    def most_alive(self, setting: Setting) -> list[int]:
        """Those of its schedule."""
        after = self.plan(len(setting.scales)).schedule.after
        return [after[max(0, scale - 1)] for scale in range(len(after))]

    def plan(self, scales: int) -> Plan:
        """The prunes of a model with this number of scales. Raises ConfigError if they do not fit."""
        try:
            return self._plan(scales)
        except ValueError as error:
            raise ConfigError(f"tts-var on a model of {scales} scales: {sentence(error)}") from None

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
        """The scales that cluster and those that resample, from the settings or the paper, checked."""
        paper: tuple[int, ...] = ()
        if self.clustering_scales is None or self.resampling_scales is None:
            paper = stretched((*PAPER_CLUSTERING, *PAPER_RESAMPLING), scales)
        count = len(PAPER_CLUSTERING)
        clustering = paper[:count] if self.clustering_scales is None else self.clustering_scales
        resampling = paper[count:] if self.resampling_scales is None else self.resampling_scales
        for prunes in (clustering, resampling):
            check_prunes(prunes, scales)
        return clustering, resampling


class TTSVarSearch(Search):
    """The search for one image: clusters, resamples or keeps the first rows after each scale, as planned."""

    def __init__(self, setting: Setting, strategy: TTSVar) -> None:
        self.plan = strategy.plan(len(setting.scales))
        super().__init__(strategy, setting, self.plan.schedule.after[0])
        self.settings = strategy
        self.history = RewardHistory.start(self.starts)

    def before_draw(self, step: Step) -> Decision | None:
        """Resample by a verifier that has only now read the scale before. Raises DecodingError."""
        scale = step.position - 1
        if self.settings.scores == "reward" or not step.values_wait or scale not in self.plan.resampling:
            return None
        return self._resampled(step, step.values(), "verifier")

    def after_draw(self, step: Step) -> Decision | None:
        """Prune after the scale. Raises DecodingError if features, rewards or values are not numbers."""
        scale = step.position - 1
        target = self.plan.schedule.after[scale]
        if scale in self.plan.resampling:
            if self.settings.scores == "reward":
                return self._resampled(step, step.rewards(), "reward")
            return None if step.values_wait else self._resampled(step, step.values(), "verifier")
        if target >= len(step):
            return None
        if scale in self.plan.clustering:
            chosen = select_diverse(self.reduced(step), target)
            return Decision.of(chosen, len(step), "another of its cluster went on")
        return Decision.of(range(target), len(step), "the schedule kept the first rows")

    def follow(self, rows: Int[np.ndarray, " m"]) -> None:
        """Reorder the rewards with their rows; copies inherit them."""
        self.history = self.history.select(rows)

    def reduced(self, step: Step) -> Float[np.ndarray, "n f"]:
        """The features to cluster, one row per image."""
        features = step.features()
        with _as_decoding_error(step.position - 1):
            return reduce_features(features, self.settings.reduction)

    def drawn(self, log_weights: Float[np.ndarray, " n"], count: int, scale: int) -> Int[np.ndarray, " m"]:
        """``count`` rows in proportion to their weights, drawn from this image's and scale's own generator."""
        generator = np.random.default_rng((self.setting.seed, scale, 0x775AA))
        return resample(log_weights, count, self.settings.method, generator)

    def _resampled(self, step: Step, scores: Float[np.ndarray, " n"], name: str) -> Decision:
        scale, settings = step.position - 1, self.settings
        self.history = self.history.record(scores)
        weights = log_potential(settings.potential, self.history, settings.temperature_inverse, settings.topk or 1)
        with _as_decoding_error(scale):
            trace = {name: scores, "weight": probabilities(weights)}
        rows = self.drawn(weights, self.plan.schedule.after[scale], scale)
        return Decision.of(rows, len(step), "not drawn in resampling", **trace)


@contextmanager
def _as_decoding_error(scale: int) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise DecodingError(f"at scale {scale} {error}; check the model's weights and their dtype.") from None
