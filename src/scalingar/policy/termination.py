"""The adaptive termination gate: which trajectories to cut."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import Field

from scalingar.core.settings import Settings
from scalingar.profile.duration import Duration, share_of, steps_of
from scalingar.profile.rounding import below, first_largest
from scalingar.profile.row_state import RowState
from scalingar.profile.statistics.token_statistics import ema

NOT_A_NUMBER = "not a number"
HARD_FAIL = "hard fail"
BELOW_THRESHOLD = "confidence below threshold, recovery below its own"
"""Both conditions of the immediate mode: C < θ and R < δ_rec."""

Cuts = dict[str, np.ndarray]
"""Mask of the rows to cut, by reason; the first reason wins."""
Threshold = Float[np.ndarray, "*images 1"] | float
"""θ: a number for one image, `(…, 1)` for many."""


class GateConfig(Settings):
    """Hyperparameters of the gate; the defaults are those printed in v3 of the paper.

    Raises:
        ConfigError: an unknown key or a value out of range.
    """

    enabled: bool = Field(default=True, description="off: only rows that are not a number are cut")
    warmup_fraction: float = Field(
        default=0.125,
        ge=0,
        le=1,
        description="W₀ as a share of T; no cut before, but for a hard fail",
    )
    quantile: float = Field(default=0.20, ge=0, le=1, description="p, quantile of the live C, Eq. (13)")
    threshold_rate: float = Field(default=0.2, gt=0, le=1, description="λ_θ, smoothing of θ, Eq. (13)")
    threshold_every: Duration = Field(
        default=1,
        description="M, steps (or share of T) between updates of θ, whose quantile is over C of the last M, Eq. (13)",
    )
    mode: Literal["immediate", "probation", "recovery"] = Field(
        default="immediate",
        description="cut at once (v3, Algorithm 1); after recovery_steps of the same (v3, text); "
        "unless it recovers within recovery_steps (v1)",
    )
    recovery_steps: Duration = Field(
        default=32, description="Δ_rec, steps (or share of T) a flagged row has to rebound"
    )
    recovery_threshold: float = Field(default=0.05, ge=0, description="δ_rec, R that counts as rebound")
    recovery_gap: float = Field(
        default=0.05,
        ge=0,
        description="gain of C since the flag that counts as recovery, v1 (chosen)",
    )
    protection_horizon: Duration | None = Field(
        default=None,
        description="steps, or share of T, before which nothing but a hard fail cuts, if they are more than W₀; v1's",
    )
    hard_fail: float | None = Field(
        default=None, description="θ_fail: C below it is cut at once, in the warm-up too; None: off"
    )

    def in_steps(self, total_steps: int) -> Self:
        """The configuration for trajectories of T = ``total_steps``, with all durations in steps."""
        names = ("threshold_every", "recovery_steps", "protection_horizon")
        durations = {name: getattr(self, name) for name in names}
        steps = {name: steps_of(value, total_steps) for name, value in durations.items() if value is not None}
        return self.model_copy(update=steps)

    def warmup_steps(self, total_steps: int) -> int:
        """W₀ in steps of T = ``total_steps``, rounded up: steps 0 … W₀ − 1 cut nothing."""
        return share_of(self.warmup_fraction, total_steps)

    @classmethod
    def v3(cls) -> Self:
        """The paper's third version, Algorithm 1 (the default), every setting named, whatever the preset."""
        return cls(**dict(cls()))

    @classmethod
    def v1(cls) -> Self:
        """The paper's first version: θ every 16 steps (chosen), flagged rows may recover."""
        return cls(threshold_every=16, mode="recovery")


@dataclass(frozen=True, eq=False)
class GateDecision:
    """The gate's decision on an image's `n` rows, or on many images' `(…, n)`."""

    keep: Bool[np.ndarray, "*images n"]
    """The rows that continue."""
    reason: np.ndarray
    """Reason of each cut, objects of the shape of `keep`; None for rows that continue."""
    threshold: Threshold
    """θ, NaN during warm-up and when the gate is off."""
    below: Bool[np.ndarray, "*images n"]
    """C < θ, by more than rounding."""
    unrecovered: Bool[np.ndarray, "*images n"]
    """R < δ_rec, by more than rounding."""


@dataclass(frozen=True, eq=False)
class Gate(RowState):
    """The gate's state: the threshold θ and, per row, the step at which it was flagged."""

    config: GateConfig
    """With durations in steps."""
    warmup_steps: int
    """W₀."""
    threshold: Threshold = math.nan
    """θ, shared by an image's rows; NaN during warm-up."""
    flagged_at: Int[np.ndarray, "*images n"] | None = None
    """Step at which a row was flagged, -1 if it is not; None before the first step that may flag."""
    flagged_confidence: Float[np.ndarray, "*images n"] | None = None
    """C at that step."""
    recent: Float[np.ndarray, "*images n m"] | None = None
    """C of the last M steps, oldest first, NaN before a row's first; None where M is 1, or before the first step."""

    @classmethod
    def start(cls, config: GateConfig, total_steps: int) -> Gate:
        """A gate for trajectories of `total_steps` steps.

        Raises:
            ValueError: `total_steps` is not positive.
        """
        if total_steps < 1:
            raise ValueError(f"a trajectory needs at least one step, not {total_steps}")
        return cls(config.in_steps(total_steps), config.warmup_steps(total_steps))

    def update(
        self,
        step: int | Int[np.ndarray, " n"],
        confidence: Float[np.ndarray, "*images n"],
        recovery: Float[np.ndarray, "*images n"],
    ) -> tuple[Gate, GateDecision]:
        """The gate after a step, and its decision on the live rows.

        A row whose C is not finite is always cut, also in warm-up, with the gate off or as the last row: nothing can
        be drawn from it. Any other cut spares the last live row, that of the highest C (the first on ties), about
        which the paper says nothing (chosen).

        Args:
            step: index of the step, from 0. One per row if they differ: a row in its own warm-up is not cut and does
                not count for θ, which is updated at the steps of the foremost row (chosen).
            confidence: C_t of the rows.
            recovery: R_t.
        """
        alive, unrecovered = np.isfinite(confidence), below(recovery, self.config.recovery_threshold)
        fallen, cuts = np.zeros_like(alive), Cuts()
        gate = self._remembering(confidence) if self.config.enabled else self
        foremost = step if isinstance(step, int) else int(np.max(step))
        if self.config.enabled and self.config.hard_fail is not None:
            cuts[HARD_FAIL] = below(confidence, self.config.hard_fail)
        if self.config.enabled and foremost >= self.warmup_steps:
            judged = np.where(alive & (step >= self.warmup_steps), confidence, np.nan)
            gate = gate._with_threshold(foremost, judged)
            fallen = below(judged, gate.threshold)
            gate, late = gate._with_flags(step, judged, fallen, unrecovered)
            horizon = self.config.protection_horizon
            cuts |= late if horizon is None else {reason: cut & (step >= horizon) for reason, cut in late.items()}
        keep = _survivors(alive, cuts, confidence)
        return gate, GateDecision(keep, _reasons(keep, alive, cuts), gate.threshold, fallen, unrecovered)

    def extended(self, m: int) -> Gate:
        """The gate with `m` new rows, not flagged."""
        flagged, level, recent = (
            None if values is None else np.full((m, *values.shape[1:]), empty, values.dtype)
            for values, empty in ((self.flagged_at, -1), (self.flagged_confidence, np.nan), (self.recent, np.nan))
        )
        return self.joined(replace(self, flagged_at=flagged, flagged_confidence=level, recent=recent))

    def _remembering(self, confidence: Float[np.ndarray, "*images n"]) -> Gate:
        """The gate that has seen one more C of every row."""
        span = int(self.config.threshold_every)
        if span == 1:
            return self
        if self.recent is None:
            return replace(self, recent=_last(confidence, np.full((*confidence.shape, span), np.nan, np.float32)))
        return replace(self, recent=_last(confidence, self.recent))

    def _with_threshold(self, step: int, judged: Float[np.ndarray, "*images n"]) -> Gate:
        """The gate with this step's θ, from the C of the rows that count for it; NaN elsewhere."""
        before, values = self.threshold, judged
        due = (step - self.warmup_steps) % self.config.threshold_every == 0
        if not (due or np.isnan(before).any()):
            return self
        if self.recent is not None:  # of the rows that count
            values = np.where(np.isnan(judged)[..., None], np.nan, self.recent)
            values = values.reshape(*judged.shape[:-1], -1)
        now = live_quantile(values, self.config.quantile)
        theta = _number(ema(before, now, self.config.threshold_rate) if due else before, now)
        theta = _number(theta, before)
        return Gate(self.config, self.warmup_steps, theta, self.flagged_at, self.flagged_confidence, self.recent)

    def _with_flags(
        self, step: int | np.ndarray, c: np.ndarray, below: np.ndarray, unrecovered: np.ndarray
    ) -> tuple[Gate, Cuts]:
        """The gate with this step's flags, and the rows to cut by reason."""
        config = self.config
        if config.mode == "immediate":
            return self, {BELOW_THRESHOLD: below & unrecovered}
        flagged, level = self._flags(step, c, below, unrecovered)
        overdue = (flagged >= 0) & (step - flagged >= config.recovery_steps)
        cuts = {f"confidence below threshold, no rebound within {config.recovery_steps} steps": overdue & below}
        return replace(self, flagged_at=flagged, flagged_confidence=level), cuts

    def _flags(
        self, step: int | np.ndarray, c: np.ndarray, below: np.ndarray, unrecovered: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flag the rows that fall below θ; lift the flag of those that rebound.

        probation: flagged while C < θ and R < δ_rec hold without interruption.
        recovery: flagged at C < θ, until C has gained `recovery_gap` or R ≥ δ_rec; returning
        above θ alone is not a recovery, but a row above θ is not cut.
        """
        flagged, level = self.flagged_at, self.flagged_confidence
        if flagged is None or level is None:
            flagged, level = np.full(c.shape, -1), c
        new = (flagged < 0) & below
        flagged, level = np.where(new, step, flagged), np.where(new, c, level)
        if self.config.mode == "probation":
            rebound = ~(below & unrecovered)
        else:
            rebound = (c - level > self.config.recovery_gap) | ~unrecovered
        return np.where(rebound, -1, flagged), level


def _last(confidence: Float[np.ndarray, "*images n"], recent: np.ndarray) -> Float[np.ndarray, "*images n m"]:
    return np.concatenate([recent[..., 1:], confidence[..., None]], axis=-1)


def live_quantile(confidence: Float[np.ndarray, "*images k"], quantile: float) -> Threshold:
    """ScalingAR, Eq. (13): θ ← (1 − λ_θ)·θ + λ_θ·Quantile_p(C live); this is Quantile_p
    of the live rows' C, of this step and, where θ is not updated at every one, of those since.

    Linear interpolation between order statistics, ignoring NaN; NaN if there is nothing else. `ema` does the smoothing.
    """
    if confidence.ndim == 1:  # plain numbers are ten times faster
        ordered = sorted(value for value in confidence.tolist() if not math.isnan(value))
        if not ordered:
            return math.nan
        rank = quantile * (len(ordered) - 1)
        lower, upper = ordered[math.floor(rank)], ordered[math.ceil(rank)]
        return lower + (rank - math.floor(rank)) * (upper - lower)
    rows = np.sort(confidence.astype(np.float64), axis=-1)  # NaN comes last
    ranks = quantile * np.maximum(0, np.isfinite(rows).sum(axis=-1, keepdims=True) - 1)
    below, above = (np.take_along_axis(rows, end(ranks).astype(int), -1) for end in (np.floor, np.ceil))
    return below + (ranks - np.floor(ranks)) * (above - below)


def _number(value: Threshold, other: Threshold) -> Threshold:
    """``value``, or ``other`` where it is NaN."""
    if isinstance(value, float):
        return other if math.isnan(value) else value
    return np.where(np.isnan(value), other, value)


def _survivors(alive: Bool[np.ndarray, "*images n"], cuts: Cuts, confidence: np.ndarray) -> np.ndarray:
    keep = alive
    for cut in cuts.values():
        keep = keep & ~cut
    lost = ~np.logical_or.reduce(keep, axis=-1, keepdims=True)
    if lost.any():
        best = first_largest(np.where(alive, confidence, -np.inf))[..., None]
        keep = keep | (alive & lost & (np.arange(alive.shape[-1]) == best))
    return keep


def _reasons(keep: Bool[np.ndarray, "*images n"], alive: Bool[np.ndarray, "*images n"], cuts: Cuts) -> np.ndarray:
    """For each cut row the first reason that applies, in the order of `cuts`."""
    reasons = np.full(keep.shape, None)
    if not keep.all():
        for name, cut in reversed(cuts.items()):
            reasons[cut & ~keep] = name
        reasons[~alive] = NOT_A_NUMBER
    return reasons
