"""The guidance schedule: the guidance scale of the next step from the profile."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator

from scalingar.profile.token_statistics import ema


class GuidanceConfig(BaseModel):
    """Hyperparameters of Eqs. (14) and (15); the defaults are those printed in v3 of the paper.

    Raises:
        pydantic.ValidationError: an unknown key or a value out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    enabled: bool = Field(default=True, description="off: every step is guided with s_base")
    form: Literal["additive", "relative"] = Field(
        default="additive", description="s_base + (…) as printed, or s_base·(1 + …), Eq. (14)"
    )
    alpha: float = Field(default=0.3, ge=0, description="α, weight of 1 − D̂, Eq. (14)")
    beta: float = Field(default=0.4, ge=0, description="β, weight of Var(I), Eq. (14)")
    gamma: float = Field(default=0.4, ge=0, description="γ, weight of R, Eq. (14)")
    variance_window: int = Field(default=32, ge=1, description="steps of I in Var(I), Eq. (14)")
    smoothing: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="η, share of the new value, Eq. (15); None: no smoothing",
    )
    clip: tuple[float, float] | None = Field(
        default=None,
        description="smallest and largest s relative to s_base, Eq. (15); None: no limit",
    )
    deadband: float = Field(default=0.0, ge=0, description="a change of s smaller than this is not made, Eq. (15)")

    @classmethod
    def v3(cls) -> Self:
        """The paper's third version (the default): s_raw of Eq. (14) as it is."""
        return cls()

    @classmethod
    def v1(cls) -> Self:
        """The paper's first version: Eq. (15) on top, with values it does not print (chosen)."""
        return cls(smoothing=0.2, clip=(0.5, 1.5), deadband=0.05)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.clip is not None and self.clip[0] > self.clip[1]:
            raise ValueError(f"clip must be (smallest, largest), not {self.clip}")
        return self


def guidance_scale(
    config: GuidanceConfig,
    s_base: float,
    previous: Float[np.ndarray, "*n"],
    utilisation: Float[np.ndarray, "*n"],
    intrinsic_history: Float[np.ndarray, "*n w"],
    recovery: Float[np.ndarray, "*n"],
) -> Float[np.ndarray, "*n"]:
    """The guidance scale s of the next step, one per row.

    Args:
        config: the schedule.
        s_base: the model's own guidance scale.
        previous: s of the last step; s_base at the first.
        utilisation: D̂.
        intrinsic_history: the last values of I, oldest first; NaN before a row's first.
        recovery: R.
    """
    if not config.enabled:
        return np.full(previous.shape, s_base, np.float32)
    variance = intrinsic_variance(intrinsic_history, config.variance_window)
    raw = raw_guidance(config, s_base, utilisation, variance, recovery)
    return limited_guidance(config, s_base, previous, raw)


def intrinsic_variance(history: Float[np.ndarray, "*n w"], window: int) -> Float[np.ndarray, "*n"]:
    """Var(I) of Eq. (14): population variance over the last `window` values; 0 while there are fewer than two."""
    seen = history[..., -window:]
    if np.isnan(seen[..., :1]).any():
        return _late_variance(seen)
    count = np.float32(max(1, seen.shape[-1]))
    deviations = seen - (np.add.reduce(seen, axis=-1) / count)[..., None]
    return np.vecdot(deviations, deviations) / count


def _late_variance(history: Float[np.ndarray, "*n w"]) -> Float[np.ndarray, "*n"]:
    """The variance where some rows began within the window: each row over its own values, without leading NaN."""
    unseen = np.logical_and.accumulate(np.isnan(history), axis=-1).sum(axis=-1)
    variance = np.full(unseen.shape, np.nan, history.dtype)
    for count in set(unseen.ravel().tolist()) - {history.shape[-1]}:
        rows = unseen == count
        variance[rows] = intrinsic_variance(history[rows][:, count:], history.shape[-1])
    return variance


def raw_guidance(
    config: GuidanceConfig,
    s_base: float,
    utilisation: Float[np.ndarray, "*n"],
    variance: Float[np.ndarray, "*n"],
    recovery: Float[np.ndarray, "*n"],
) -> Float[np.ndarray, "*n"]:
    """ScalingAR, Eq. (14): s_raw = s_base + α(1 − D̂) + β·Var(I) − γ·R.

    The form `relative` is this project's: s_base·(1 + α(1 − D̂) + β·Var(I) − γ·R). The printed form
    moves a scale of 7.5 by a few per cent at most.
    """
    change = config.alpha * (1 - utilisation) + config.beta * variance - config.gamma * recovery
    return s_base * (1 + change) if config.form == "relative" else s_base + change


def limited_guidance(
    config: GuidanceConfig,
    s_base: float,
    previous: Float[np.ndarray, "*n"],
    raw: Float[np.ndarray, "*n"],
) -> Float[np.ndarray, "*n"]:
    """ScalingAR, Eq. (15): s ← clip((1 − η)s + η·s_raw, s_min, s_max), if that changes s enough.

    A change smaller than the deadband leaves s as it was. v1 only: with the defaults, s = s_raw.
    """
    scale = raw if config.smoothing is None else ema(previous, raw, config.smoothing)
    if config.clip is not None:
        scale = np.clip(scale, config.clip[0] * s_base, config.clip[1] * s_base)
    if config.deadband:
        scale = np.where(np.abs(scale - previous) < config.deadband, previous, scale)
    return scale
