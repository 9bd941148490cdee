"""The profile of a trajectory: intrinsic and conditional confidence, joined and tracked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from scalingar.profile.blocks import BlockStability
from scalingar.profile.conditional import EPSILON, ConditionalUtilisation, sigmoid
from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.rows import RowState
from scalingar.profile.token import TokenStatistics, ema, token_uncertainty

__all__ = ["ConfidenceProfile", "ProfileConfig"]


@dataclass(frozen=True, eq=False)
class ConfidenceProfile(RowState):
    """The confidence of `n` live trajectories after some steps."""

    config: ProfileConfig
    history: int
    """Number of I values kept for Var(I) of Eq. (14)."""
    blocks: BlockStability
    conditional: ConditionalUtilisation
    intrinsic_history: Float[np.ndarray, "n w"]
    """The last w ≤ `history` values of I, oldest first."""
    minimum: Float[np.ndarray, " n"]
    """C_min of Eq. (12), the smallest C so far."""
    values: dict[str, Float[np.ndarray, " n"]]
    """The last step's values by the paper's letters, `(n,)` in fp32; empty before the first step.

    u of Eq. (5), s_tok of (6), B of (7), I and I_hat of (8), K of (9) in nats, D and D_hat of (10), C of (11),
    R of (12), and the entropy of (3) in nats and the margin they are made of.
    """

    @classmethod
    def start(
        cls,
        config: ProfileConfig,
        n: int,
        grid: tuple[int, int],
        *,
        history: int = 0,
    ) -> ConfidenceProfile:
        """No step seen, for `n` trajectories of one prompt on a token grid `(h, w)`.

        `history` is the variance window of the guidance schedule, 0 where there is none.
        """
        return cls(
            config=config,
            history=history,
            blocks=BlockStability.start(config, n, grid),
            conditional=ConditionalUtilisation.start(config, n),
            intrinsic_history=np.empty((n, 0), np.float32),
            minimum=np.full(n, np.inf, np.float32),
            values={},
        )

    def update(self, stats: TokenStatistics, position: int) -> ConfidenceProfile:
        """The profile after one step.

        Args:
            stats: statistics `(n,)` of the step's logits.
            position: raster index of the token whose logits these are, the same for all rows.

        Raises:
            ValueError: the position is outside the grid.
        """
        config, old = self.config, self.values
        blocks = self.blocks.update(stats.normalized_entropy, position)
        conditional = self.conditional.update(stats.kl)
        u = token_uncertainty(
            stats.normalized_entropy,
            stats.margin,
            alpha_entropy=config.alpha_entropy,
            alpha_margin=config.alpha_margin,
        )
        s_tok = token_confidence(old.get("s_tok"), u, config.token_rate)
        i = intrinsic_confidence(s_tok, blocks.stability, config)
        i_hat = ema(old.get("I_hat"), i, config.intrinsic_rate)
        c = joint_confidence(i_hat, conditional.smoothed, config)
        minimum = np.fmin(self.minimum, c)
        values = {
            **{"entropy": stats.entropy, "margin": stats.margin, "u": u, "s_tok": s_tok, "B": blocks.stability},
            **{"K": stats.kl, "D": conditional.utilisation, "D_hat": conditional.smoothed},
            **{"I": i, "I_hat": i_hat, "C": c, "R": recovery(c, minimum)},
        }
        return ConfidenceProfile(config, self.history, blocks, conditional, self._with(i), minimum, values)

    def _with(self, intrinsic: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n w"]:
        """The history with one more value."""
        if self.history == 0:
            return self.intrinsic_history
        return np.concatenate([self.intrinsic_history, intrinsic[:, None]], axis=1)[:, -self.history :]


def token_confidence(
    previous: Float[np.ndarray, " n"] | None, uncertainty: Float[np.ndarray, " n"], rate: float
) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (6): s_tok ← (1 − λ_tok)·s_tok + λ_tok·(1 − u_t); first value unsmoothed."""
    return ema(previous, 1 - uncertainty, rate)


def intrinsic_confidence(
    token: Float[np.ndarray, " n"], block: Float[np.ndarray, " n"], config: ProfileConfig
) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (8): I_t = w_tok·s_tok + w_blk·B_t, then Î ← (1 − λ_I)·Î + λ_I·I_t (`ema`)."""
    return config.weights.token * token + config.weights.block * block


def joint_confidence(
    intrinsic: Float[np.ndarray, " n"], utilisation: Float[np.ndarray, " n"], config: ProfileConfig
) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (11): C_t = w_I·Î_t + w_D·D̂_t; v1, when set: C ← sigmoid(a·C + b).

    A channel that is off has weight zero, so that a NaN of a broken row still shows in C.
    """
    weights = config.weights
    confidence = weights.intrinsic * intrinsic + weights.conditional * utilisation
    if config.sigmoid_map is None:
        return confidence
    slope, offset = config.sigmoid_map
    return sigmoid(slope * confidence + offset)


def recovery(confidence: Float[np.ndarray, " n"], minimum: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (12): R_t = (C_t − C_min) / (|C_min| + ε), C_min = running minimum of C.

    ε = 10⁻⁶ (chosen).
    """
    return (confidence - minimum) / (np.abs(minimum) + EPSILON)
