"""Replays a strategy on the trajectories of a complete run: the same noise gives the same images.

Exact for every strategy that keeps the run's guidance scale: it applies the same profile and rules as decoding does,
for all images at once. With fewer trajectories than the run has it takes the first ones, as a decoded run would;
running windows are pooled over those it takes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from scalingar.analysis.runs.complete_run import CompleteRun, TracedRun
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.policy.halving import NOT_AMONG_THE_BEST, Halving
from scalingar.policy.termination import Gate, GateConfig, GateDecision
from scalingar.profile.confidence import ConfidenceProfile
from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.rounding import first_largest
from scalingar.profile.statistics.token_statistics import TokenStatistics, normalized_entropy
from scalingar.strategies import ScalingAR, Strategy
from scalingar.strategies.successive_halving import SuccessiveHalving

FINISHED = -1


@dataclass(frozen=True)
class Replay:
    """The first ``n`` trajectories of ``i`` images, step by step over ``t`` steps.

    ``confidence``: C, fp32, NaN after a cut. ``alive``: before the step's decision. ``below``, ``unrecovered``: C < θ
    and R < δ_rec, for live rows. ``threshold``: θ, NaN before it starts. ``cut_step``: the step at which a trajectory
    was cut, or -1. ``reason``: why it was cut, or None (an array of objects).
    """

    confidence: Float[np.ndarray, "i n t"]
    alive: Bool[np.ndarray, "i n t"]
    below: Bool[np.ndarray, "i n t"]
    unrecovered: Bool[np.ndarray, "i n t"]
    threshold: Float[np.ndarray, "i t"]
    cut_step: Int[np.ndarray, "i n"]
    reason: np.ndarray

    @property
    def finished(self) -> Bool[np.ndarray, "i n"]:
        """Whether a trajectory reached its last code."""
        return self.cut_step == FINISHED

    @property
    def drawn(self) -> Int[np.ndarray, "i n"]:
        """Tokens of each trajectory."""
        return np.where(self.finished, self.confidence.shape[-1], self.cut_step)

    @property
    def tokens(self) -> Int[np.ndarray, " i"]:
        """Tokens of each image, over all trajectories."""
        return self.drawn.sum(axis=1)

    @property
    def chosen(self) -> Int[np.ndarray, " i"]:
        """ScalingAR's pick: the survivor with the highest final C, the first of equal ones."""
        return self.best(self.confidence[:, :, -1])

    def best(self, scores: Float[np.ndarray, "i n"]) -> Int[np.ndarray, " i"]:
        """The survivor with the highest score of each image."""
        return first_largest(np.where(self.finished, scores, -np.inf))


Rule = Callable[[int, ConfidenceProfile, TokenStatistics], GateDecision]
"""A strategy's decision at a step, from the profile and the statistics of the rows of all images."""


def replay(run: TracedRun, profile: ProfileConfig, gate: GateConfig, n: int | None = None) -> Replay:
    """Replay a gate on the first ``n`` trajectories (None: all) of every image.

    Raises:
        ConfigError: more trajectories than the run has, or a profile that reads other distributions.
    """
    state = Gate.start(gate, run.steps)

    def rule(step: int, confidence: ConfidenceProfile, _: TokenStatistics) -> GateDecision:
        nonlocal state
        state, decision = state.update(step, confidence.values["C"], confidence.values["R"])
        return decision

    return _apply(rule, run, profile, run.trajectories if n is None else n, gate.warmup_steps(run.steps))


def replay_halving(run: TracedRun, strategy: SuccessiveHalving) -> Replay:
    """Replay successive halving. Raises ConfigError as :func:`replay`."""
    rounds, state = strategy.rounds_of(run.steps), Halving(strategy.signal)

    def rule(step: int, profile: ConfidenceProfile, statistics: TokenStatistics) -> GateDecision:
        nonlocal state
        confidence = profile.values["C"]
        keep = state.best(rounds[step]) if step in rounds else np.ones(confidence.shape, bool)
        state = state.update(statistics.entropy, statistics.deepconf, confidence)
        nothing, reason = np.zeros_like(keep), np.full(keep.shape, None)
        reason[~keep] = NOT_AMONG_THE_BEST
        return GateDecision(keep, reason, np.nan, nothing, nothing)

    return _apply(rule, run, strategy.profile, strategy.num_trajectories)


def _apply(rule: Rule, run: TracedRun, config: ProfileConfig, n: int, warmup: int = 0) -> Replay:
    """Apply a rule step by step, as the engine does; the row of a cut trajectory stays, and its values become NaN."""
    check_profile(run, config, n)
    record = _empty(run.images, n, run.steps)
    profile = ConfidenceProfile.start(config, (run.images, n), run.traces.grid, warmup=warmup)
    alive = np.ones((run.images, n), bool)
    for step in range(run.steps):
        statistics = _statistics(run, step, alive)
        profile = profile.update(statistics, step)
        decision = rule(step, profile, statistics)
        cut = alive & ~decision.keep
        record.alive[:, :, step], record.confidence[:, :, step] = alive, profile.values["C"]
        record.below[:, :, step], record.unrecovered[:, :, step] = decision.below, decision.unrecovered
        record.threshold[:, step] = np.ravel(decision.threshold)
        record.cut_step[cut], record.reason[cut] = step, decision.reason[cut]
        alive = alive & decision.keep
    return record


def _statistics(run: TracedRun, step: int, alive: Bool[np.ndarray, "i n"]) -> TokenStatistics:
    """The recorded statistics of a step, NaN for rows that were cut."""
    n = alive.shape[1]
    entropy, margin, deepconf, kl = (
        np.where(alive, run.traces[name][:, :n, step], np.float32(np.nan))
        for name in ("entropy", "margin", "deepconf", "K")
    )
    return TokenStatistics(entropy, normalized_entropy(entropy, run.traces.vocab_size), margin, deepconf, kl)


def replay_strategy(run: TracedRun, strategy: Strategy) -> Replay:
    """Replay a strategy. Raises ConfigError for a decision that cannot be replayed on a complete run."""
    if isinstance(strategy, ScalingAR):
        if strategy.guidance.enabled:
            raise ConfigError(
                "this ScalingAR schedules the guidance scale, which changes what is drawn; decode it, or set "
                "guidance.enabled to false."
            )
        return replay(run, strategy.profile, strategy.gate, strategy.num_trajectories)
    if isinstance(strategy, SuccessiveHalving):
        return replay_halving(run, strategy)
    check_complete(strategy)
    return replay(run, strategy.profile, GateConfig(enabled=False), strategy.num_trajectories)


def check_complete(strategy: Strategy) -> None:
    """Raises ConfigError unless the strategy only chooses among complete trajectories."""
    if not strategy.completes_all:
        raise ConfigError(f"{type(strategy).__name__} decides while decoding; a complete run cannot tell its outcome.")


def check_profile(run: TracedRun, profile: ProfileConfig, n: int) -> None:
    """Raises ConfigError unless the run's traces serve for ``n`` trajectories under this profile."""
    if not 1 <= n <= run.trajectories:
        raise ConfigError(f"{n} trajectories cannot be taken from {run.folder}, which has {run.trajectories}.")
    for name in ("distribution", "deepconf_top_k"):
        traced, wanted = getattr(run.profile, name), getattr(profile, name)
        if traced != wanted:
            raise ConfigError(f"{run.folder} traced profile.{name}={traced!r}; {wanted!r} needs a run of its own.")


def check_confidence(run: CompleteRun, n: int) -> None:
    """Raises BenchmarkError unless the run recorded the confidence of ``n`` trajectories, for want of traces."""
    if not run.recorded_confidence_of(n):
        raise BenchmarkError(
            f"{run.folder} has no traces, and recorded a confidence that is pooled over "
            f"{run.plan.recipe.strategy.num_trajectories} trajectories, not over {n}; draw a run of {n}, or choose by "
            "another signal."
        )


def _empty(images: int, n: int, steps: int) -> Replay:
    shape = (images, n, steps)
    return Replay(
        confidence=np.full(shape, np.nan, np.float32),
        alive=np.zeros(shape, bool),
        below=np.zeros(shape, bool),
        unrecovered=np.zeros(shape, bool),
        threshold=np.full((images, steps), np.nan),
        cut_step=np.full((images, n), FINISHED),
        reason=np.full((images, n), None),
    )
