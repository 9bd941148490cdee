"""The guidance schedule: the guidance scale of the next step from the profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from jaxtyping import Float
from pydantic import Field, model_validator

from scalingar.core.settings import Settings
from scalingar.profile.duration import Duration, steps_of
from scalingar.profile.row_state import RowState, shape_of
from scalingar.profile.statistics.token_statistics import ema


class GuidanceConfig(Settings):
    """Hyperparameters of Eqs. (14) and (15); the defaults are those printed in v3 of the paper.

    Raises:
        ConfigError: an unknown key or a value out of range.
    """

    enabled: bool = Field(default=True, description="off: every step is guided with s_base")
    form: Literal["additive", "relative"] = Field(
        default="additive", description="s_base + (…) as printed, or s_base·(1 + …), Eq. (14)"
    )
    alpha: float = Field(default=0.3, ge=0, description="α, weight of 1 − D̂, Eq. (14)")
    beta: float = Field(default=0.4, ge=0, description="β, weight of Var(I), Eq. (14)")
    gamma: float = Field(default=0.4, ge=0, description="γ, weight of R, Eq. (14)")
    variance_window: Duration = Field(default=32, description="steps (or share of T) of I in Var(I), Eq. (14)")
    variance_of: Literal["smoothed", "raw"] = Field(
        default="smoothed", description="whose variance: of Î, Algorithm 1's state, or of I as Eq. (14) has it (chosen)"
    )
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
        """The paper's third version (the default): s_raw of Eq. (14) as it is; every setting named, as of the gate."""
        return cls(**dict(cls()))

    @classmethod
    def v1(cls) -> Self:
        """The paper's first version: Eq. (15) on top, with values it does not print (chosen)."""
        return cls(smoothing=0.2, clip=(0.5, 1.5), deadband=0.05)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.clip is not None and self.clip[0] > self.clip[1]:
            raise ValueError(f"clip must be (smallest, largest), not {self.clip}")
        return self


@dataclass(frozen=True, eq=False)
class GuidanceSchedule(RowState):
    """The schedule of an image's `n` rows, or of many images' `(…, n)`."""

    config: GuidanceConfig
    s_base: float
    """The model's own guidance scale."""
    window: int
    """Steps of I in Var(I)."""
    history: Float[np.ndarray, "*images n w"]
    """The last w ≤ `window` values of Î or I, oldest first; NaN before a row's first."""

    @classmethod
    def start(
        cls, config: GuidanceConfig, s_base: float, rows: int | tuple[int, ...], total_steps: int
    ) -> GuidanceSchedule:
        """The schedule of `n` or `(…, n)` trajectories of T = ``total_steps``."""
        window = steps_of(config.variance_window, total_steps)
        return cls(config, s_base, window, np.empty((*shape_of(rows), 0), np.float32))

    def update(
        self, previous: Float[np.ndarray, "*images n"], values: Mapping[str, Float[np.ndarray, "*images n"]]
    ) -> tuple[GuidanceSchedule, Float[np.ndarray, "*images n"]]:
        """The schedule after a step, and the guidance scale s of its draw, one per row.

        Args:
            previous: s of the last step; s_base at the first.
            values: of the profile: I_hat or I, D_hat and R.
        """
        config = self.config
        if not config.enabled:
            return self, np.full(previous.shape, self.s_base, np.float32)
        latest = values["I_hat" if config.variance_of == "smoothed" else "I"]
        history = np.concatenate([self.history, latest[..., None]], axis=-1)[..., -self.window :]
        raw = raw_guidance(config, self.s_base, values["D_hat"], intrinsic_variance(history), values["R"])
        schedule = GuidanceSchedule(config, self.s_base, self.window, history)
        return schedule, limited_guidance(config, self.s_base, previous, raw)

    def extended(self, m: int) -> GuidanceSchedule:
        """The schedule with `m` new rows."""
        unknown = np.full((m, self.history.shape[-1]), np.nan, np.float32)
        return replace(self, history=np.concatenate([self.history, unknown]))


def intrinsic_variance(history: Float[np.ndarray, "*n w"]) -> Float[np.ndarray, "*n"]:
    """Var(I) of Eq. (14): population variance over the window; 0 while there are fewer than two values."""
    if np.isnan(history[..., :1]).any():
        return _late_variance(history)
    count = np.float32(max(1, history.shape[-1]))
    deviations = history - (np.add.reduce(history, axis=-1) / count)[..., None]
    return np.vecdot(deviations, deviations) / count


def _late_variance(history: Float[np.ndarray, "*n w"]) -> Float[np.ndarray, "*n"]:
    """The variance where some rows began within the window: each row over its own values, without leading NaN."""
    unseen = np.logical_and.accumulate(np.isnan(history), axis=-1).sum(axis=-1)
    variance = np.full(unseen.shape, np.nan, history.dtype)
    for count in set(unseen.ravel().tolist()) - {history.shape[-1]}:
        rows = unseen == count
        variance[rows] = intrinsic_variance(history[rows][:, count:])
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
