"""AUC: how well a number separates good images from bad ones."""

import numpy as np
from jaxtyping import Bool, Float, Int

from scalingar.bench.statistics.paired import QUANTILES, draw_counts
from scalingar.core.errors import BenchmarkError

_CHUNK = 500
"""Resamples held in memory at once."""


def auc(scores: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"]) -> float:
    """Area under the ROC curve: P(score of a good one > score of a bad one), ties counting half.

    Equals the Mann-Whitney U over the number of pairs (Hanley & McNeil 1982).

    Raises:
        BenchmarkError: all labels are the same.
    """
    labels = np.asarray(labels, dtype=bool)
    if labels.all() or not labels.any():
        raise BenchmarkError("all images are equally good or bad; there is no AUC, score more of them.")
    return float(_weighted_auc(np.asarray(scores), labels, np.ones((1, len(labels))))[0])


def auc_interval(
    scores: Float[np.ndarray, " n"],
    labels: Bool[np.ndarray, " n"],
    rng: np.random.Generator,
    *,
    clusters: Int[np.ndarray, " n"] | None = None,
    resamples: int = 2_000,
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the AUC (Efron & Tibshirani 1993, ch. 13).

    ``clusters``, such as the prompt of each image, are drawn whole (Field & Welsh 2007); None: images are drawn singly.
    Draws in which all labels are the same are left out.

    A single cluster has none: NaN.

    Raises:
        BenchmarkError: all labels are the same.
    """
    labels = np.asarray(labels, dtype=bool)
    auc(scores, labels)
    groups = np.arange(len(labels)) if clusters is None else np.unique(clusters, return_inverse=True)[1].ravel()
    n = int(groups.max()) + 1
    if n < 2:
        return float("nan"), float("nan")
    values = []
    for start in range(0, resamples, _CHUNK):
        counts = draw_counts(n, min(_CHUNK, resamples - start), rng)
        values.append(_weighted_auc(np.asarray(scores), labels, counts[:, groups]))
    low, high = np.nanquantile(np.concatenate(values), QUANTILES)
    return float(low), float(high)


def _weighted_auc(
    scores: Float[np.ndarray, " n"], labels: Bool[np.ndarray, " n"], weights: Float[np.ndarray, "r n"]
) -> Float[np.ndarray, " r"]:
    """AUC where item i occurs ``weights[:, i]`` times; NaN where a class has no weight."""
    levels, level_index = np.unique(scores, return_inverse=True)
    good = _sums_by_level(weights * labels, level_index.ravel(), len(levels))
    bad = _sums_by_level(weights * ~labels, level_index.ravel(), len(levels))
    below = np.cumsum(bad, axis=1) - bad
    pairs = good.sum(1) * bad.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, (good * (below + bad / 2)).sum(1) / pairs, np.nan)


def _sums_by_level(
    weights: Float[np.ndarray, "r n"], level_index: Int[np.ndarray, " n"], levels: int
) -> Float[np.ndarray, "r l"]:
    order = np.argsort(level_index, kind="stable")
    starts = np.searchsorted(level_index[order], np.arange(levels))
    return np.add.reduceat(weights[:, order], starts, axis=1)
