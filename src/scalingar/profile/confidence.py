"""The profile of a trajectory: intrinsic and conditional confidence, joined and tracked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from scalingar.profile.blocks import BlockStability
from scalingar.profile.conditional import EPSILON, ConditionalUtilisation, sigmoid
from scalingar.profile.config import ProfileConfig
from scalingar.profile.rows import RowState
from scalingar.profile.token import TokenStatistics, ema, token_uncertainty

__all__ = ["ConfidenceProfile", "ProfileConfig"]

_TRACE = ("u", "s_tok", "B", "K", "D", "D_hat", "I", "I_hat", "C", "R", "entropy", "margin")


@dataclass(frozen=True, eq=False)
class ConfidenceProfile(RowState):
    """The confidence of `n` live trajectories after some steps.

    The values of the last step are tensors `(n,)` in fp32; before the first they are NaN, B = 1.
    """

    config: ProfileConfig
    device: torch.device | str
    """Where tensors are handed out; the state itself lives on the CPU."""
    history: int
    """Number of I values kept for Var(I) of Eq. (14)."""
    blocks: BlockStability
    conditional: ConditionalUtilisation
    intrinsic_values: Float[np.ndarray, "n w"]
    """The last w ≤ `history` values of I, oldest first."""
    values: dict[str, Float[np.ndarray, " n"]]
    """The last step's values by the paper's letters, and C_min."""

    @classmethod
    def start(
        cls,
        config: ProfileConfig,
        n: int,
        grid: tuple[int, int],
        device: torch.device | str = "cpu",
        *,
        history: int = 32,
    ) -> ConfidenceProfile:
        """No step seen, for `n` trajectories of one prompt on a token grid `(h, w)`.

        `history` is the variance window of the guidance schedule, at least 1.
        """
        return cls(
            config=config,
            device=device,
            history=history,
            blocks=BlockStability.start(config, n, grid),
            conditional=ConditionalUtilisation.start(config, n),
            intrinsic_values=np.empty((n, 0), np.float32),
            values=dict.fromkeys((*_TRACE, "C_min"), np.full(n, np.nan, np.float32)) | {"B": np.ones(n, np.float32)},
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
        s_tok = token_confidence(old["s_tok"], u, config.token_rate)
        i = intrinsic_confidence(s_tok, blocks.stability, config)
        i_hat = ema(old["I_hat"], i, config.intrinsic_rate)
        c = joint_confidence(i_hat, conditional.smoothed, config)
        c_min = np.fmin(old["C_min"], c)
        new = {"entropy": stats.entropy, "margin": stats.margin, "u": u, "s_tok": s_tok, "B": blocks.stability}
        new |= {"K": stats.kl, "D": conditional.utilisation, "D_hat": conditional.smoothed}
        new |= {"I": i, "I_hat": i_hat, "C": c, "C_min": c_min, "R": recovery(c, c_min)}
        past = np.concatenate([self.intrinsic_values, i[:, None]], axis=1)[:, -self.history :]
        return ConfidenceProfile(config, self.device, self.history, blocks, conditional, past, new)

    def trace(self) -> dict[str, Float[Tensor, " n"]]:
        """This step's values by the paper's letters, each `(n,)`."""
        return {letter: self._tensor(letter) for letter in _TRACE}

    @property
    def uncertainty(self) -> Float[Tensor, " n"]:
        """u_t of Eq. (5)."""
        return self._tensor("u")

    @property
    def token_confidence(self) -> Float[Tensor, " n"]:
        """s_tok of Eq. (6)."""
        return self._tensor("s_tok")

    @property
    def block_stability(self) -> Float[Tensor, " n"]:
        """B_t of Eq. (7)."""
        return self._tensor("B")

    @property
    def kl(self) -> Float[Tensor, " n"]:
        """K_t of Eq. (9), in nats."""
        return self._tensor("K")

    @property
    def utilisation(self) -> Float[Tensor, " n"]:
        """D̂_t of Eq. (10)."""
        return self._tensor("D_hat")

    @property
    def intrinsic(self) -> Float[Tensor, " n"]:
        """I_t of Eq. (8)."""
        return self._tensor("I")

    @property
    def intrinsic_smooth(self) -> Float[Tensor, " n"]:
        """Î_t of Eq. (8)."""
        return self._tensor("I_hat")

    @property
    def intrinsic_history(self) -> Float[Tensor, "n w"]:
        """The last w ≤ `history` values of I `(n, w)`, oldest first."""
        return torch.from_numpy(self.intrinsic_values).to(self.device)

    @property
    def confidence(self) -> Float[Tensor, " n"]:
        """C_t of Eq. (11)."""
        return self._tensor("C")

    @property
    def confidence_minimum(self) -> Float[Tensor, " n"]:
        """C_min of Eq. (12), the smallest C up to and with this step."""
        return self._tensor("C_min")

    @property
    def recovery(self) -> Float[Tensor, " n"]:
        """R_t of Eq. (12)."""
        return self._tensor("R")

    def _tensor(self, letter: str) -> Float[Tensor, " n"]:
        return torch.from_numpy(self.values[letter]).to(self.device)


def token_confidence(
    previous: Float[np.ndarray, " n"], uncertainty: Float[np.ndarray, " n"], rate: float
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
