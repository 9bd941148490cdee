"""The profile of a trajectory: intrinsic and conditional confidence, combined and smoothed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from scalingar.profile.blocks import BlockStability, Grid, cells
from scalingar.profile.conditional import Moments, conditional_utilisation, sigmoid
from scalingar.profile.duration import steps_of
from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.row_state import RowState
from scalingar.profile.running_minimum import RunningMinimum
from scalingar.profile.statistics.token_statistics import TokenStatistics, ema, normalized_entropy, token_uncertainty

__all__ = ["ConfidenceProfile", "ProfileConfig"]


@dataclass(frozen=True, eq=False)
class ConfidenceProfile(RowState):
    """The confidence of an image's `n` live trajectories after some steps, or of many images' `(…, n)`."""

    config: ProfileConfig
    blocks: BlockStability
    moments: Moments
    """Of K, Eq. (9)."""
    minimum: RunningMinimum
    """C_min, Eq. (12)."""
    values: dict[str, Float[np.ndarray, "*images n"]]
    """The last step's values by the paper's letters, fp32; empty before the first step, NaN for new rows.

    u of Eq. (5), s_tok of (6), B of (7), I and I_hat of (8), K of (9) in nats, D and D_hat of (10), C of (11),
    R of (12), and what they are computed from: the entropy of (3) in nats and the margin.
    """

    @classmethod
    def start(
        cls,
        config: ProfileConfig,
        rows: int | tuple[int, ...],
        grid: Grid,
        *,
        preview: Grid | None = None,
        warmup: int = 0,
    ) -> ConfidenceProfile:
        """The initial profile of `n` trajectories of one prompt on a token grid `(h, w)`, or of `(…, n)` of many.

        `preview`: the grid of codes drawn before these, which has blocks of its own. `warmup` is the gate's W₀ in
        steps, 0 where there is no gate.
        """
        total = cells(grid, preview)
        rolling, back = (
            None if duration is None else steps_of(duration, total)
            for duration in (config.rolling_window, config.minimum_window)
        )
        return cls(
            config=config,
            blocks=BlockStability.start(config, rows, grid, preview),
            moments=Moments.start(rows, config.conditional_window, rolling),
            minimum=RunningMinimum.start(config, rows, warmup=warmup, window=back),
            values={},
        )

    def update(self, stats: TokenStatistics, position: int | Int[np.ndarray, " n"]) -> ConfidenceProfile:
        """The profile after one step.

        Args:
            stats: statistics of the step's logits, `(n,)` or `(…, n)`; NaN for rows that were cut and kept.
            position: number of the token that these logits predict, one for all rows, or one per row of an
                image; positions of a row are consecutive.

        Raises:
            ValueError: a position is outside the grid or goes back.
        """
        config = self.config
        blocks = self.blocks.update(stats.normalized_entropy, position)
        moments = self.moments.update(stats.kl)
        u = token_uncertainty(
            stats.normalized_entropy,
            stats.margin,
            alpha_entropy=config.alpha_entropy,
            alpha_margin=config.alpha_margin,
        )
        s_tok = self._smoothed("s_tok", token_confidence(u), config.token_rate)
        i = intrinsic_confidence(s_tok, blocks.stability, config)
        i_hat = self._smoothed("I_hat", i, config.intrinsic_rate)
        d = conditional_utilisation(moments.standardise(stats.kl, config.epsilon)).astype(np.float32)
        d_hat = self._smoothed("D_hat", d, config.utilisation_rate)
        c = joint_confidence(i_hat, d_hat, config)
        minimum = self.minimum.update(c, position)
        r = recovery(c, minimum.values, config.epsilon)
        values = {
            **{"entropy": stats.entropy, "margin": stats.margin, "u": u, "s_tok": s_tok, "B": blocks.stability},
            **{"K": stats.kl, "D": d, "D_hat": d_hat, "I": i, "I_hat": i_hat, "C": c, "R": r},
        }
        return ConfidenceProfile(config, blocks, moments, minimum, values)

    def extended(self, m: int) -> ConfidenceProfile:
        """The profile with `m` new rows; pooled windows are kept."""
        fresh = ConfidenceProfile.start(
            self.config, m, self.blocks.grid, preview=self.blocks.preview, warmup=self.minimum.begins
        )
        return ConfidenceProfile(
            config=self.config,
            blocks=self.blocks.extended(m),
            moments=self.moments.joined(fresh.moments),
            minimum=self.minimum.joined(fresh.minimum),
            values={
                name: np.concatenate([value, np.full(m, np.nan, np.float32)]) for name, value in self.values.items()
            },
        )

    def resumed(self, trace: Mapping[str, Float[np.ndarray, " t"]], vocab_size: int) -> ConfidenceProfile:
        """The profile of an image with one more row, which has already made `t` steps, given by its trace.

        Its block sums and its own windows are recomputed from the trace; pooled windows are kept, since the trace's
        smoothed letters already contain them.

        Args:
            trace: entropy, margin, deepconf, K, C and all of `values`, each `(t,)`; t may be 0.
            vocab_size: V.
        """
        steps = len(trace["entropy"])
        if not steps:
            return self.extended(1)
        alone = ConfidenceProfile.start(
            self.config, 1, self.blocks.grid, preview=self.blocks.preview, warmup=self.minimum.begins
        )
        minimum = alone.minimum
        for step in range(steps):
            minimum = minimum.update(trace["C"][step : step + 1], step)
            entropy, *others = (trace[name][step : step + 1] for name in ("entropy", "margin", "deepconf", "K"))
            statistics = TokenStatistics(entropy, normalized_entropy(entropy, vocab_size), *others)
            alone = alone.update(statistics, step)
        return ConfidenceProfile(
            config=self.config,
            blocks=self.blocks.joined(alone.blocks),
            moments=self.moments.joined(alone.moments),
            minimum=self.minimum.joined(minimum),
            values={name: np.append(column, np.float32(trace[name][-1])) for name, column in self.values.items()},
        )

    def _smoothed(self, letter: str, value: np.ndarray, rate: float) -> np.ndarray:
        """The moving average after one more value; a row's first value is taken as it is."""
        previous, fresh = self.values.get(letter), self.blocks.fresh
        if previous is not None and fresh is not None:
            previous = np.where(fresh, value, previous)
        return ema(previous, value, rate)


def token_confidence(uncertainty: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """ScalingAR, Eq. (6): s_tok ← (1 − λ_tok)·s_tok + λ_tok·(1 − u_t) (by `ema`); this is 1 − u_t."""
    return 1 - uncertainty


def intrinsic_confidence(
    token: Float[np.ndarray, "*n"], block: Float[np.ndarray, "*n"], config: ProfileConfig
) -> Float[np.ndarray, "*n"]:
    """ScalingAR, Eq. (8): I_t = w_tok·s_tok + w_blk·B_t, then Î ← (1 − λ_I)·Î + λ_I·I_t (`ema`)."""
    return config.weights.token * token + config.weights.block * block


def joint_confidence(
    intrinsic: Float[np.ndarray, "*n"], utilisation: Float[np.ndarray, "*n"], config: ProfileConfig
) -> Float[np.ndarray, "*n"]:
    """ScalingAR, Eq. (11): C_t = w_I·Î_t + w_D·D̂_t; v1, when set: C ← sigmoid(a·C + b).

    A channel that is off has weight zero, so that NaN of an invalid row still propagates to C.
    """
    weights = config.weights
    confidence = weights.intrinsic * intrinsic + weights.conditional * utilisation
    if config.sigmoid_map is None:
        return confidence
    slope, offset = config.sigmoid_map
    return sigmoid(slope * confidence + offset)


def recovery(
    confidence: Float[np.ndarray, "*n"], minimum: Float[np.ndarray, "*n"], epsilon: float
) -> Float[np.ndarray, "*n"]:
    """ScalingAR, Eq. (12): R_t = (C_t − C_min) / (|C_min| + ε), C_min = running minimum of C."""
    return (confidence - minimum) / (np.abs(minimum) + epsilon)
