"""Resampling: drawing rows in proportion to their weights."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Int

Method = Literal["multinomial", "systematic"]


def resample(
    log_weights: Float[np.ndarray, " n"], count: int, method: Method, generator: np.random.Generator
) -> Int[np.ndarray, " m"]:
    """``count`` rows with replacement; the expected number of copies of row i is ``count`` · w_i / Σ w.

    Args:
        log_weights: ln w; see :func:`probabilities` for weights that are not finite.
        count: rows to draw, m.
        method: ``multinomial`` draws independently; rows are in the order of the draws. ``systematic`` takes evenly
            spaced quantiles from one random offset, so that each count is within 1 of its mean; rows are sorted.
        generator: the source of randomness.

    Raises:
        ValueError: no row has a weight that is a number.
    """
    chances = probabilities(log_weights)
    if method == "multinomial":
        return generator.choice(len(chances), size=count, p=chances)
    quantiles = (generator.random() + np.arange(count)) / count
    # Rounding may leave the last sum below the last quantile.
    return np.searchsorted(chances.cumsum(), quantiles, side="right").clip(max=int(np.flatnonzero(chances)[-1]))


def effective_sample_size(weights: Float[np.ndarray, " n"]) -> float:
    """1 / Σ w² of weights that sum to 1 (Kong, Liu & Wong 1994): n if all are equal, 1 if one has everything."""
    return float(1 / (weights * weights).sum())


def probabilities(log_weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """w / Σ w in fp64, relative to the largest exponent, so that no reward overflows.

    NaN weights count as 0; infinite weights share all probability; so do all weights if every one is 0.

    Raises:
        ValueError: none is a number.
    """
    logs = np.asarray(log_weights, np.float64)
    known = ~np.isnan(logs)
    if not known.any():
        raise ValueError("no trajectory has a reward that is a number")
    highest = logs[known].max()
    if np.isinf(highest):
        weights = (known & (logs == highest)).astype(np.float64)
    else:
        weights = np.where(known, np.exp(np.where(known, logs, -np.inf) - highest), 0.0)
    return weights / weights.sum()
