"""What a strategy would have done with the trajectories of a complete run: the same noise, so the same images.

Exact for every strategy at the run's own guidance scale. With fewer trajectories than the run has it takes the first
ones, as a decoded run would; running windows are pooled over those it takes.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from scalingar.analysis.replay.batched_gate import BatchedGate
from scalingar.analysis.replay.batched_halving import BatchedHalving
from scalingar.analysis.replay.batched_profile import BatchedProfile
from scalingar.analysis.runs.complete import CompleteRun, fixed_guidance
from scalingar.core.errors import ConfigError
from scalingar.policy.termination import GateConfig
from scalingar.profile.profile_config import ProfileConfig
from scalingar.strategies import ScalingAR, Strategy
from scalingar.strategies.successive_halving import SuccessiveHalving

FINISHED = -1


@dataclass(frozen=True)
class Replay:
    """What became of the first ``n`` trajectories of ``i`` images over ``t`` steps.

    ``confidence``: C, fp32, NaN after a cut. ``alive``: before the step's decision. ``below``, ``unrecovered``: C < θ
    and R < δ_rec, of live rows. ``threshold``: θ, NaN before it starts. ``cut_step``: index of the step of the cut, or
    -1. ``reason``: place in ``reasons``.
    """

    confidence: Float[np.ndarray, "i n t"]
    alive: Bool[np.ndarray, "i n t"]
    below: Bool[np.ndarray, "i n t"]
    unrecovered: Bool[np.ndarray, "i n t"]
    threshold: Float[np.ndarray, "i t"]
    cut_step: Int[np.ndarray, "i n"]
    reason: Int[np.ndarray, "i n"]
    reasons: tuple[str, ...]

    @property
    def finished(self) -> Bool[np.ndarray, "i n"]:
        """Reached its last code."""
        return self.cut_step == FINISHED

    @property
    def drawn(self) -> Int[np.ndarray, "i n"]:
        """Tokens of each trajectory."""
        return np.where(self.finished, self.confidence.shape[-1], self.cut_step)

    @property
    def tokens(self) -> Int[np.ndarray, " i"]:
        """Tokens of each image, all trajectories together."""
        return self.drawn.sum(axis=1)

    @property
    def chosen(self) -> Int[np.ndarray, " i"]:
        """ScalingAR's pick: the survivor with the highest final C, the first among equals."""
        return self.best(self.confidence[:, :, -1])

    def best(self, scores: Float[np.ndarray, "i n"]) -> Int[np.ndarray, " i"]:
        """The survivor with the highest score of each image."""
        return np.where(self.finished, scores, -np.inf).argmax(axis=1)


def replay(run: CompleteRun, profile: ProfileConfig, gate: GateConfig, n: int | None = None) -> Replay:
    """Follow the first ``n`` trajectories (None: all) of every image through profile and gate.

    Raises:
        ConfigError: more trajectories than the run has, or a profile that reads other distributions.
    """
    n = run.trajectories if n is None else n
    return _followed(run, profile, BatchedGate(gate, run.steps, run.images, n), n)


def replay_halving(run: CompleteRun, strategy: SuccessiveHalving) -> Replay:
    """Follow successive halving. Raises ConfigError as :func:`replay`."""
    n = strategy.num_trajectories
    traced = run.traces[strategy.signal][:, :n] if strategy.signal in ("entropy", "deepconf") else None
    judge = BatchedHalving(strategy.rounds_of(run.steps), strategy.signal, traced)
    return _followed(run, strategy.profile, judge, n)


def _followed(run: CompleteRun, profile: ProfileConfig, judge: BatchedGate | BatchedHalving, n: int) -> Replay:
    check_profile(run, profile, n)
    entropy, margin, kl = (run.traces[name][:, :n] for name in ("entropy", "margin", "K"))
    normalized = entropy / np.float32(np.log(run.traces.vocab_size))
    record = _empty(run.images, n, run.steps)
    followed = BatchedProfile(profile, run.images, n, run.traces.grid)
    alive = np.ones((run.images, n), bool)
    for step in range(run.steps):
        followed.update(normalized[:, :, step], margin[:, :, step], kl[:, :, step], step, alive)
        decision = judge.update(step, followed.confidence, followed.recovery, alive)
        cut = alive & ~decision.keep
        record.alive[:, :, step] = alive
        record.confidence[:, :, step] = np.where(alive, followed.confidence, np.nan)
        record.below[:, :, step], record.unrecovered[:, :, step] = decision.below, decision.unrecovered
        record.threshold[:, step] = decision.threshold
        record.cut_step[cut], record.reason[cut] = step, decision.reason[cut]
        alive = decision.keep
    return replace(record, reasons=judge.reasons)


def replay_strategy(run: CompleteRun, strategy: Strategy) -> Replay:
    """Follow a strategy's trajectories. Raises ConfigError: it decides something a complete run does not hold."""
    if isinstance(strategy, ScalingAR):
        if not fixed_guidance(strategy):
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


def check_profile(run: CompleteRun, profile: ProfileConfig, n: int) -> None:
    """Raises ConfigError unless the run's traces are what ``n`` trajectories under this profile would show."""
    if not 1 <= n <= run.trajectories:
        raise ConfigError(f"{n} trajectories cannot be taken from {run.folder}, which has {run.trajectories}.")
    for name in ("distribution", "deepconf_top_k"):
        there, here = getattr(run.profile, name), getattr(profile, name)
        if there != here:
            raise ConfigError(f"{run.folder} traced profile.{name}={there!r}; {here!r} needs a run of its own.")


def _empty(images: int, n: int, steps: int) -> Replay:
    shape = (images, n, steps)
    return Replay(
        confidence=np.full(shape, np.nan, np.float32),
        alive=np.zeros(shape, bool),
        below=np.zeros(shape, bool),
        unrecovered=np.zeros(shape, bool),
        threshold=np.full((images, steps), np.nan),
        cut_step=np.full((images, n), FINISHED),
        reason=np.zeros((images, n), np.int8),
        reasons=(),
    )
