"""Which trajectories to give up: the adaptive termination gate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict, Field

from scalingar.profile.rows import RowState
from scalingar.profile.token import ema

NOT_A_NUMBER = "not a number"
HARD_FAIL = "hard fail"
BELOW_THRESHOLD = "confidence below threshold"

Cuts = dict[str, np.ndarray]
"""Rows to cut, a mask bool `(n,)` per reason; the first reason wins."""


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
    """What the gate says about each of the `n` rows that were alive in this step."""

    keep: Bool[np.ndarray, " n"]
    """True for the rows that go on."""
    reason: list[str | None]
    """Why a row is cut; None for rows that go on."""
    threshold: float | None
    """θ, None during warm-up and when the gate is off."""
    below: Bool[np.ndarray, " n"]
    """C < θ."""
    unrecovered: Bool[np.ndarray, " n"]
    """R < δ_rec."""


@dataclass(frozen=True, eq=False)
class Gate(RowState):
    """The gate's memory: the threshold θ and, per row, since when it is flagged."""

    config: GateConfig
    total_steps: int
    """T."""
    threshold: float = math.nan
    """θ, one for all rows; NaN before it starts."""
    flagged_at: Int[np.ndarray, " n"] | None = None
    """Step a row was flagged at, -1 where it is not; None before the first step that may flag."""
    flagged_confidence: Float[np.ndarray, " n"] | None = None
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
        self, step: int, confidence: Float[np.ndarray, " n"], recovery: Float[np.ndarray, " n"]
    ) -> tuple[Gate, GateDecision]:
        """The gate after step `step` (from 0), and its decision on the rows alive in it.

        A row whose C is not finite is cut whenever it shows, in warm-up, with the gate off, and
        even when no other is left: nothing can be drawn from it. Any other cut spares the last
        live row, that of the highest C (the lowest row among equals); the paper does not say so
        (chosen).

        Args:
            step: index of the step.
            confidence: C_t `(n,)` of the live rows.
            recovery: R_t `(n,)`.
        """
        alive, unrecovered = np.isfinite(confidence), recovery < self.config.recovery_threshold
        gate, below, cuts = self, np.zeros(len(alive), bool), Cuts()
        if self.config.enabled and step >= self.warmup_steps:
            gate = self._with_threshold(step, confidence[alive])
            below = confidence < gate.threshold
            gate, cuts = gate._with_flags(step, confidence, below, unrecovered)
        keep = _survivors(alive, cuts, confidence)
        threshold = None if math.isnan(gate.threshold) else gate.threshold
        return gate, GateDecision(keep, _reasons(keep, alive, cuts), threshold, below, unrecovered)

    def _with_threshold(self, step: int, live: Float[np.ndarray, " m"]) -> Gate:
        before = None if math.isnan(self.threshold) else self.threshold
        due = (step - self.warmup_steps) % self.config.threshold_every == 0
        if len(live) == 0 or not (due or before is None):
            return self
        quantile = live_quantile(live, self.config.quantile)
        theta = ema(before, quantile, self.config.threshold_rate)
        return Gate(self.config, self.total_steps, theta, self.flagged_at, self.flagged_confidence)

    def _with_flags(self, step: int, c: np.ndarray, below: np.ndarray, unrecovered: np.ndarray) -> tuple[Gate, Cuts]:
        """The gate with this step's flags, and the rows it wants to cut by reason."""
        config, cuts = self.config, Cuts()
        if config.hard_fail is not None:
            cuts[HARD_FAIL] = c < config.hard_fail
        if config.mode == "immediate":
            cuts[BELOW_THRESHOLD] = below & unrecovered
            return self, cuts
        at, level = self._flags(step, c, below, unrecovered)
        overdue = (at >= 0) & (step - at >= config.recovery_steps)
        cuts[f"no rebound within {config.recovery_steps} steps"] = overdue
        return replace(self, flagged_at=at, flagged_confidence=level), cuts

    def _flags(
        self, step: int, c: np.ndarray, below: np.ndarray, unrecovered: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flag the rows that fall below θ; lift the flag of those that rebound.

        probation: flagged while C < θ and R < δ_rec hold without a break.
        recovery: flagged at C < θ, until C has gained `recovery_gap` or R ≥ δ_rec; coming back
        above θ alone is not a recovery.
        """
        at, level = self.flagged_at, self.flagged_confidence
        if at is None or level is None:
            at, level = np.full(len(c), -1), c
        new = (at < 0) & below
        at, level = np.where(new, step, at), np.where(new, c, level)
        if self.config.mode == "probation":
            rebound = ~(below & unrecovered)
        else:
            rebound = (c - level > self.config.recovery_gap) | ~unrecovered
        return np.where(rebound, -1, at), level


def live_quantile(confidence: Float[np.ndarray, " m"], quantile: float) -> float:
    """ScalingAR, Eq. (13): θ ← (1 − λ_θ)·θ + λ_θ·Quantile_p(C live); this is Quantile_p.

    Linear interpolation between order statistics. `ema` does the smoothing. Needs one value.
    """
    ordered = sorted(confidence.tolist())
    place = quantile * (len(ordered) - 1)
    lower, upper = ordered[math.floor(place)], ordered[math.ceil(place)]
    return lower + (place - math.floor(place)) * (upper - lower)


def _survivors(
    alive: Bool[np.ndarray, " n"], cuts: Cuts, confidence: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    keep = alive
    for cut in cuts.values():
        keep = keep & ~cut
    if not any(keep.tolist()) and alive.any():
        best = np.where(alive, confidence, -np.inf).argmax()
        keep = np.arange(len(alive)) == best
    return keep


def _reasons(keep: Bool[np.ndarray, " n"], alive: Bool[np.ndarray, " n"], cuts: Cuts) -> list[str | None]:
    """For each row that is cut the first reason that holds, in the order of `cuts`."""
    reasons: list[str | None] = [None] * len(keep)
    for row, kept in enumerate(keep.tolist()):
        if not kept:
            holds = (name for name, cut in cuts.items() if cut[row])
            reasons[row] = next(holds, None) if alive[row] else NOT_A_NUMBER
    return reasons
