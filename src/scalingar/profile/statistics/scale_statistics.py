"""The profile of next-scale models: statistics of the logits of whole scales.

The paper defines its profile for one token per step. Here a step is a grid of tokens; its statistics are means over the
scale's codes, and confidence is the mean of 1 − u with ScalingAR's uncertainty u of Eq. (5). This is the project's own
definition; none is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.row_state import RowState
from scalingar.profile.statistics.token_statistics import (
    StepDistributions,
    step_distributions,
    token_statistics,
    token_uncertainty,
)


@dataclass(frozen=True, eq=False)
class ScaleStatistics(RowState):
    """Means over the codes of one scale, per trajectory, in fp32."""

    entropy: Float[np.ndarray, " n"]
    """H of Eq. (3) in nats per code."""
    margin: Float[np.ndarray, " n"]
    """Probability of the likeliest value minus that of the second, in [0, 1]."""
    deepconf: Float[np.ndarray, " n"]
    """Eq. (4) in nats; higher is more certain."""
    kl: Float[np.ndarray, " n"]
    """K of Eq. (9), conditional against unconditional, in nats per code; zero without guidance."""
    confidence: Float[np.ndarray, " n"]
    """1 − u, u of Eq. (5), in [0, 1]."""

    def trace(self) -> dict[str, Float[np.ndarray, " n"]]:
        """The values by their names in a candidate's trace."""
        return {
            "entropy": self.entropy,
            "margin": self.margin,
            "deepconf": self.deepconf,
            "K": self.kl,
            "C": self.confidence,
        }


def scale_distributions(
    logits: Float[Tensor, "c n l g v"], guidance_scale: float | Float[np.ndarray, " n"], config: ProfileConfig
) -> StepDistributions:
    """The distribution of every code of a scale as a row of its own, ``(n·l·g, v)``; see `step_distributions`."""
    flat = logits.flatten(1, -2)
    if isinstance(guidance_scale, np.ndarray):
        guidance_scale = np.repeat(guidance_scale, flat.shape[1] // logits.shape[1])
    return step_distributions(flat, guidance_scale=guidance_scale, distribution=config.distribution)


def scale_statistics(distributions: StepDistributions, n: int, config: ProfileConfig) -> ScaleStatistics:
    """The statistics of each of ``n`` trajectories; NaN for one with a NaN logit."""
    each = token_statistics(distributions, config.deepconf_top_k)
    uncertainty = token_uncertainty(
        each.normalized_entropy, each.margin, alpha_entropy=config.alpha_entropy, alpha_margin=config.alpha_margin
    )
    means = (each.entropy, each.margin, each.deepconf, each.kl, 1 - uncertainty)
    return ScaleStatistics(*(values.reshape(n, -1).mean(axis=1) for values in means))


def drawn_log_p(
    distributions: StepDistributions, rows: Int[np.ndarray, " m"], codes: Int[Tensor, "m l g"]
) -> Float[np.ndarray, "2 m"]:
    """Σ ln p(x|c) and Σ ln p(x|∅) over the codes drawn, in nats; equal without guidance.

    ``rows``: which of the trajectories of ``distributions`` drew ``codes``.
    """
    flat = codes.flatten(1)
    code_rows = rows[:, None] * flat.shape[1] + np.arange(flat.shape[1])
    log_p = distributions.log_p(code_rows.ravel(), flat.flatten())
    return np.stack([branch.reshape(len(rows), -1).sum(axis=1) for branch in log_p])


_OF_SCALES = ("entropy", "deepconf", "confidence", "lowest_group_confidence", "final_confidence")


def scale_signals(trace: Mapping[str, Float[np.ndarray, " k"]], codes: int) -> dict[str, float]:
    """Signals of `k` scales of a trajectory, under the names of `signals`.

    * pmi: Σ [ln p(x|c) − ln p(x|∅)] over all codes, in nats.
    * log_likelihood: mean ln p(x|c) of a code, in nats.
    * entropy, deepconf, confidence: means over scales with equal weights (chosen): weighted by tokens the last scale
      would outweigh all others.
    * final_confidence: that of the last scale. lowest_group_confidence: the smallest DeepConf of a scale.

    Args:
        trace: `entropy`, `deepconf`, `C`, `log_p` and `log_p_null`, each `(k,)`, k = 0: all but the PMI are NaN.
        codes: codes drawn at these scales.
    """
    seen = {name: trace[name].astype(np.float64) for name in ("entropy", "deepconf", "C", "log_p", "log_p_null")}
    values = {
        "pmi": (seen["log_p"] - seen["log_p_null"]).sum(),
        "log_likelihood": seen["log_p"].sum() / max(codes, 1),
        **dict.fromkeys(_OF_SCALES, np.nan),
    }
    if len(seen["C"]):
        confidence, deepconf = seen["C"], seen["deepconf"]
        means = (seen["entropy"].mean(), deepconf.mean(), confidence.mean())
        values.update(zip(_OF_SCALES, (*means, deepconf.min(), confidence[-1]), strict=True))
    return {name: float(value) for name, value in values.items()}
