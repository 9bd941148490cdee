"""The termination gate of many images at once; see ``batched_profile`` for why."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from scalingar.policy.termination import BELOW_THRESHOLD, HARD_FAIL, Gate, GateConfig
from scalingar.profile.token import ema

ALIVE = 0
"""Reason code of a row that goes on."""


@dataclass(frozen=True)
class BatchedDecision:
    """``keep``, ``below`` (C < θ), ``unrecovered`` (R < δ_rec) and ``reason`` (a place in ``reasons``), ``(i, n)``."""

    keep: Bool[np.ndarray, "i n"]
    below: Bool[np.ndarray, "i n"]
    unrecovered: Bool[np.ndarray, "i n"]
    reason: Int[np.ndarray, "i n"]
    threshold: Float[np.ndarray, " i"]


class BatchedGate:
    """`Gate` for ``i`` images of ``n`` rows, of which only those ``alive`` count."""

    def __init__(self, config: GateConfig, total_steps: int, images: int, n: int) -> None:
        self.config = config
        self.warmup_steps = Gate.start(config, total_steps).warmup_steps
        self.threshold = np.full(images, np.nan)
        self.flagged_at = np.full((images, n), -1)
        self.flagged_confidence = np.full((images, n), np.nan, np.float32)
        self.reasons = ("", HARD_FAIL, BELOW_THRESHOLD, f"no rebound within {config.recovery_steps} steps")

    def update(
        self,
        step: int,
        confidence: Float[np.ndarray, "i n"],
        recovery: Float[np.ndarray, "i n"],
        alive: Bool[np.ndarray, "i n"],
    ) -> BatchedDecision:
        """Algorithm 1's decision on the live rows of every image; all of them are numbers."""
        unrecovered = alive & (recovery < self.config.recovery_threshold)
        nothing = np.zeros_like(alive)
        if not self.config.enabled or step < self.warmup_steps:
            return BatchedDecision(alive, nothing, unrecovered, np.zeros(alive.shape, np.int8), self.threshold)
        self._set_threshold(step, confidence, alive)
        # The exact gate compares fp32 with a plain number, which NumPy does in fp32.
        below = alive & (confidence < self.threshold.astype(np.float32)[:, None])
        reason = np.where(alive, self._reason(step, confidence, below, unrecovered), ALIVE)
        keep = spared(alive & (reason == ALIVE), alive, confidence)
        reason[keep] = ALIVE
        return BatchedDecision(keep, below, unrecovered, reason.astype(np.int8), self.threshold)

    def _set_threshold(self, step: int, confidence: np.ndarray, alive: np.ndarray) -> None:
        if (step - self.warmup_steps) % self.config.threshold_every == 0:
            quantile = live_quantiles(confidence, alive, self.config.quantile)
            before = None if step == self.warmup_steps else self.threshold
            self.threshold = ema(before, quantile, self.config.threshold_rate)

    def _reason(
        self, step: int, confidence: np.ndarray, below: np.ndarray, unrecovered: np.ndarray
    ) -> Int[np.ndarray, "i n"]:
        """Why each row would be cut; the first reason wins."""
        config = self.config
        if config.mode == "immediate":
            reason = np.where(below & unrecovered, self.reasons.index(BELOW_THRESHOLD), ALIVE)
        else:
            self._flag(step, confidence, below, unrecovered)
            overdue = (self.flagged_at >= 0) & (step - self.flagged_at >= config.recovery_steps)
            reason = np.where(overdue, len(self.reasons) - 1, ALIVE)
        if config.hard_fail is not None:
            reason = np.where(confidence < config.hard_fail, self.reasons.index(HARD_FAIL), reason)
        return reason

    def _flag(self, step: int, confidence: np.ndarray, below: np.ndarray, unrecovered: np.ndarray) -> None:
        new = (self.flagged_at < 0) & below
        at = np.where(new, step, self.flagged_at)
        self.flagged_confidence = np.where(new, confidence, self.flagged_confidence)
        rebound = ~(below & unrecovered)
        if self.config.mode == "recovery":
            rebound = (confidence - self.flagged_confidence > self.config.recovery_gap) | ~unrecovered
        self.flagged_at = np.where(rebound, -1, at)


def live_quantiles(
    confidence: Float[np.ndarray, "i n"], alive: Bool[np.ndarray, "i n"], quantile: float
) -> Float[np.ndarray, " i"]:
    """`live_quantile` of every image's live rows, of which there must be one."""
    ordered = np.sort(np.where(alive, confidence, np.inf).astype(np.float64), axis=1)
    place = quantile * (alive.sum(axis=1) - 1)
    first = np.floor(place).astype(int)
    lower = np.take_along_axis(ordered, first[:, None], 1)[:, 0]
    upper = np.take_along_axis(ordered, np.ceil(place).astype(int)[:, None], 1)[:, 0]
    return lower + (place - first) * (upper - lower)


def spared(
    keep: Bool[np.ndarray, "i n"], alive: Bool[np.ndarray, "i n"], confidence: Float[np.ndarray, "i n"]
) -> Bool[np.ndarray, "i n"]:
    """``keep``, and of an image that would be left with nothing the live row of the highest C."""
    best = np.where(alive, confidence, -np.inf).argmax(axis=1)
    last = np.arange(keep.shape[1]) == best[:, None]
    return np.where(keep.any(axis=1, keepdims=True), keep, last)
