"""Use of the prompt: is the conditional distribution still far from the unconditional one?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from scalingar.profile.profile_config import ProfileConfig, Window
from scalingar.profile.rows import RowState
from scalingar.profile.token import ema

EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class Moments(RowState):
    """Running count, mean and sum of squared deviations (Welford), in fp64.

    Those of every row `(n,)`; pooled, three numbers for all rows together, which a `select` leaves
    as they are, so that a row that was cut leaves its past behind.
    """

    count: Float[np.ndarray, " n"] | float
    mean: Float[np.ndarray, " n"] | float
    squares: Float[np.ndarray, " n"] | float

    @classmethod
    def start(cls, n: int, window: Window) -> Moments:
        """No value seen, for `n` rows."""
        return cls(0.0, 0.0, 0.0) if window == "pooled" else cls(*np.zeros((3, n)))

    def update(self, values: Float[np.ndarray, " n"], window: Window) -> Moments:
        """The moments after one value per row; values that are not finite are left out."""
        finite = np.isfinite(values)
        if window == "trajectory":
            return self._merged(finite, np.where(finite, values, self.mean), 0.0)
        known = values[finite].astype(np.float64)
        mean = sum(known.tolist()) / max(1, len(known))
        deviations = known - mean
        return self._merged(len(known), mean, float(deviations @ deviations))

    def _merged(self, count: np.ndarray | int, mean: np.ndarray | float, squares: float) -> Moments:
        """Chan's rule for joining two sets of moments; Welford's is the case of one value."""
        total = self.count + count
        share = count / (total + (total == 0))
        shift = mean - self.mean
        return Moments(
            count=total,
            mean=self.mean + shift * share,
            squares=self.squares + squares + shift * shift * self.count * share,
        )

    def standardise(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """ScalingAR, Eq. (9), second half: z_t = (K_t − μ) / (σ + ε).

        σ is the population deviation and ε = 10⁻⁶ (chosen).
        """
        deviation = (self.squares / (self.count + (self.count == 0))) ** 0.5
        return (values - self.mean) / (deviation + EPSILON)


@dataclass(frozen=True, eq=False)
class ConditionalUtilisation(RowState):
    """D_t and D̂_t, `(n,)`: low = the prompt is being ignored."""

    config: ProfileConfig
    moments: Moments
    utilisation: Float[np.ndarray, " n"]
    """D_t of this step, in (0, 1); NaN before the first."""
    smoothed: Float[np.ndarray, " n"]
    """D̂_t; NaN before the first step."""
    begun: bool
    """There was a step."""

    @classmethod
    def start(cls, config: ProfileConfig, n: int) -> ConditionalUtilisation:
        """No step seen, for `n` rows."""
        unknown = np.full(n, np.nan, np.float32)
        return cls(config, Moments.start(n, config.conditional_window), unknown, unknown, begun=False)

    def update(self, kl: Float[np.ndarray, " n"]) -> ConditionalUtilisation:
        """The state after a step with divergences K_t.

        The step's own values enter the moments first and are standardised with the result
        (chosen). So the first step of a trajectory with its own window has σ = 0 and z = 0.
        """
        moments = self.moments.update(kl, self.config.conditional_window)
        now = conditional_utilisation(moments.standardise(kl)).astype(np.float32)
        smoothed = ema(self.smoothed if self.begun else None, now, self.config.intrinsic_rate)
        return ConditionalUtilisation(self.config, moments, now, smoothed, begun=True)


def conditional_utilisation(z: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (10): D_t = sigmoid(z_t), then D̂ ← (1 − λ_I)·D̂ + λ_I·D_t (by `ema`)."""
    return sigmoid(z)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−x)), written so that nothing overflows."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)
