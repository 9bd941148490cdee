"""How much of its score a strategy loses from ordinary prompts to hard ones, with bootstrap intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from scalingar.bench.statistics.paired import QUANTILES, RESAMPLES, resampled, shared
from scalingar.bench.statistics.task_scores import ScoreTable
from scalingar.core.errors import BenchmarkError


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % percentile interval; both ends are NaN where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Drop:
    """A strategy's scores on ordinary and on hard prompts, and the relative drop 1 − hard / ordinary.

    ``less``: how much smaller the drop is than the baseline's, in points of the drop; None for the baseline.
    ``mitigated``: the same as a share of the baseline's drop, ScalingAR's 26 %; None where the interval of the
    baseline's drop reaches 0, because a share of nothing means nothing.
    """

    ordinary: float
    hard: float
    drop: Interval
    less: Interval | None = None
    mitigated: Interval | None = None


@dataclass(frozen=True)
class Group:
    """Tables of all strategies on the prompts of one benchmark. ``weights``: of its tasks; None: equal."""

    tables: Mapping[str, ScoreTable]
    weights: Mapping[str, float] | None = None


def score_drops(
    ordinary: Group, hard: Group, baseline: str, rng: np.random.Generator, *, resamples: int = RESAMPLES
) -> dict[str, Drop]:
    """The drop of each strategy against its own score on ordinary prompts.

    Prompts of both groups are drawn with replacement within each task, the same draws for all strategies, so that
    differences of drops are paired. Intervals are 95 % percentile intervals, as in
    :func:`~scalingar.bench.statistics.paired.paired_bootstrap`; there are none where a task has a single prompt.

    Raises:
        BenchmarkError: the strategies of a group do not hold the same prompts, or one scores 0 on ordinary prompts.
    """
    easy, difficult = _scores(ordinary, rng, resamples), _scores(hard, rng, resamples)
    if zero := [name for name, scores in easy.items() if scores[0] == 0]:
        raise BenchmarkError(f"{zero[0]} scores 0 on ordinary prompts; there is nothing that could drop.")
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may score 0; quantiles leave it out
        drops = {name: 1 - difficult[name] / easy[name] for name in easy}
    base = drops[baseline]
    steady = _interval(base).low > 0
    return {
        name: Drop(
            ordinary=float(easy[name][0]),
            hard=float(difficult[name][0]),
            drop=_interval(drop),
            less=None if name == baseline else _interval(base - drop),
            mitigated=_interval(1 - drop / base) if steady and name != baseline else None,
        )
        for name, drop in drops.items()
    }


def _scores(group: Group, rng: np.random.Generator, resamples: int) -> dict[str, Float[np.ndarray, " r"]]:
    """Overall scores: observed first, then one per resample of the prompts, which all strategies share."""
    rows_of_all, shares = shared(list(group.tables.values()), group.weights)
    tables = dict(zip(group.tables, rows_of_all, strict=True))
    first = rows_of_all[0]
    totals = {name: np.zeros(resamples + 1) for name in tables}
    for task, share in zip(first.names, shares, strict=True):
        rows = first.rows(task)
        counts = np.vstack([np.ones((1, len(rows))), resampled(len(rows), resamples, rng)])
        for name, table in tables.items():
            totals[name] += share * (counts @ table.correct[rows]) / (counts @ table.total[rows])
    return totals


def _interval(values: Float[np.ndarray, " r"]) -> Interval:
    """The observed value, which comes first, with the quantiles of the others."""
    drawn = values[1:][np.isfinite(values[1:])]
    low, high = np.quantile(drawn, QUANTILES) if len(drawn) else (np.nan, np.nan)
    return Interval(float(values[0]), float(low), float(high))
