"""The adaptive termination gate: which trajectories to cut."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict, Field

from scalingar.profile.row_state import RowState
from scalingar.profile.token_statistics import ema

NOT_A_NUMBER = "not a number"
HARD_FAIL = "hard fail"
BELOW_THRESHOLD = "confidence below threshold"

Cuts = dict[str, np.ndarray]
"""Mask of the rows to cut, by reason; the first reason wins."""
Threshold = Float[np.ndarray, "*images 1"] | float
"""θ: a number for one image, `(…, 1)` for many."""


class GateConfig(BaseModel):
    """Hyperparameters of the gate; the defaults are those printed in v3 of the paper.

    Raises:
        pydantic.ValidationError: an unknown key or a value out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    enabled: bool = Field(default=True, description="off: only rows that are not a number are cut")
    warmup_fraction: float = Field(
        default=0.125,
        ge=0,
        le=1,
        description="W₀ as a share of T; no cut before (v1: the horizon too)",
    )
    quantile: float = Field(default=0.20, ge=0, le=1, description="p, quantile of the live C, Eq. (13)")
    threshold_rate: float = Field(default=0.2, gt=0, le=1, description="λ_θ, smoothing of θ, Eq. (13)")
    threshold_every: int = Field(default=1, ge=1, description="M, steps between updates of θ, Eq. (13)")
    mode: Literal["immediate", "probation", "recovery"] = Field(
        default="immediate",
        description="cut at once (v3, Algorithm 1); after recovery_steps of the same (v3, text); "
        "unless it recovers within recovery_steps (v1)",
    )
    recovery_steps: int = Field(default=32, ge=1, description="Δ_rec, steps a flagged row has to rebound")
    recovery_threshold: float = Field(default=0.05, ge=0, description="δ_rec, R that counts as rebound")
    recovery_gap: float = Field(
        default=0.05,
        ge=0,
        description="gain of C since the flag that counts as recovery, v1 (chosen)",
    )
    hard_fail: float | None = Field(
        default=None, description="θ_fail: C below it is cut at once after the warm-up; None: off"
    )

    @classmethod
    def v3(cls) -> Self:
        """The paper's third version, Algorithm 1 (the default)."""
        return cls()

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
    """C < θ."""
    unrecovered: Bool[np.ndarray, "*images n"]
    """R < δ_rec."""


@dataclass(frozen=True, eq=False)
class Gate(RowState):
    """The gate's state: the threshold θ and, per row, the step at which it was flagged."""

    config: GateConfig
    total_steps: int
    """T."""
    threshold: Threshold = math.nan
    """θ, shared by an image's rows; NaN during warm-up."""
    flagged_at: Int[np.ndarray, "*images n"] | None = None
    """Step at which a row was flagged, -1 if it is not; None before the first step that may flag."""
    flagged_confidence: Float[np.ndarray, "*images n"] | None = None
    """C at that step."""

    @classmethod
    def start(cls, config: GateConfig, total_steps: int) -> Gate:
        """A gate for trajectories of `total_steps` steps.

        Raises:
            ValueError: `total_steps` is not positive.
        """
        if total_steps < 1:
            raise ValueError(f"a trajectory needs at least one step, not {total_steps}")
        return cls(config, total_steps)

    @property
    def warmup_steps(self) -> int:
        """W₀ in steps, rounded up: steps 0 … W₀ − 1 cut nothing."""
        return math.ceil(round(self.config.warmup_fraction * self.total_steps, 9))

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
        alive, unrecovered = np.isfinite(confidence), recovery < self.config.recovery_threshold
        gate, below, cuts = self, np.zeros_like(alive), Cuts()
        foremost = step if isinstance(step, int) else int(np.max(step))
        if self.config.enabled and foremost >= self.warmup_steps:
            judged = np.where(alive & (step >= self.warmup_steps), confidence, np.nan)
            gate = self._with_threshold(foremost, judged)
            below = judged < np.asarray(gate.threshold, confidence.dtype)
            gate, cuts = gate._with_flags(step, judged, below, unrecovered)
        keep = _survivors(alive, cuts, confidence)
        return gate, GateDecision(keep, _reasons(keep, alive, cuts), gate.threshold, below, unrecovered)

    def extended(self, m: int) -> Gate:
        """The gate with `m` new rows, not flagged."""
        if self.flagged_at is None or self.flagged_confidence is None:
            return self
        unknown = np.full(m, np.nan, self.flagged_confidence.dtype)
        return self.joined(replace(self, flagged_at=np.full(m, -1), flagged_confidence=unknown))

    def _with_threshold(self, step: int, judged: Float[np.ndarray, "*images n"]) -> Gate:
        """The gate with this step's θ, from the C of the rows that count for it; NaN elsewhere."""
        before = self.threshold
        due = (step - self.warmup_steps) % self.config.threshold_every == 0
        if not (due or np.isnan(before).any()):
            return self
        now = live_quantile(judged, self.config.quantile)
        theta = _number(ema(before, now, self.config.threshold_rate) if due else before, now)
        theta = _number(theta, before)
        return Gate(self.config, self.total_steps, theta, self.flagged_at, self.flagged_confidence)

    def _with_flags(
        self, step: int | np.ndarray, c: np.ndarray, below: np.ndarray, unrecovered: np.ndarray
    ) -> tuple[Gate, Cuts]:
        """The gate with this step's flags, and the rows to cut by reason."""
        config, cuts = self.config, Cuts()
        if config.hard_fail is not None:
            cuts[HARD_FAIL] = c < config.hard_fail
        if config.mode == "immediate":
            cuts[BELOW_THRESHOLD] = below & unrecovered
            return self, cuts
        flagged, level = self._flags(step, c, below, unrecovered)
        overdue = (flagged >= 0) & (step - flagged >= config.recovery_steps)
        cuts[f"no rebound within {config.recovery_steps} steps"] = overdue
        return replace(self, flagged_at=flagged, flagged_confidence=level), cuts

    def _flags(
        self, step: int | np.ndarray, c: np.ndarray, below: np.ndarray, unrecovered: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flag the rows that fall below θ; lift the flag of those that rebound.

        probation: flagged while C < θ and R < δ_rec hold without interruption.
        recovery: flagged at C < θ, until C has gained `recovery_gap` or R ≥ δ_rec; returning
        above θ alone is not a recovery.
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


def live_quantile(confidence: Float[np.ndarray, "*images n"], quantile: float) -> Threshold:
    """ScalingAR, Eq. (13): θ ← (1 − λ_θ)·θ + λ_θ·Quantile_p(C live); this is Quantile_p.

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
        best = np.where(alive, confidence, -np.inf).argmax(axis=-1, keepdims=True)
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
