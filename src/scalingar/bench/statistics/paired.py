"""Differences between two runs on the same prompts, with bootstrap intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from scalingar.bench.statistics.task_scores import ScoreTable, task_weights
from scalingar.core.errors import BenchmarkError

OVERALL = "overall"
RESAMPLES = 10_000
QUANTILES = ((1 - 0.95) / 2, (1 + 0.95) / 2)
"""Ends of a 95 % interval."""
_ROUNDING = 1e-12
"""Differences below this share of the scores, or of 1, are the last digits of sums."""


@dataclass(frozen=True)
class Difference:
    """``second`` minus ``first`` with a bootstrap interval and a two-sided p-value.

    ``low``, ``high``, ``p_value``: NaN where a task has a single prompt, which does not tell how prompts vary.
    """

    first: float
    second: float
    value: float
    low: float
    high: float
    p_value: float
    prompts: int


def paired_bootstrap(
    first: ScoreTable,
    second: ScoreTable,
    rng: np.random.Generator,
    *,
    weights: Mapping[str, float] | None = None,
    resamples: int = RESAMPLES,
) -> dict[str, Difference]:
    """The difference ``second − first`` on each task and, under ``"overall"``, on the weighted mean of tasks.

    Prompts are drawn with replacement within each task, the same draws for both runs (a stratified paired bootstrap:
    Efron & Tibshirani 1993, ch. 8 and 16; Koehn 2004, "Statistical significance tests for machine translation
    evaluation"). The interval is the 95 % percentile interval; p = 2·min(#(d* ≤ 0) + 1, #(d* ≥ 0) + 1)/(R + 1), at
    most 1 (Davison & Hinkley 1997, ch. 4). A task of one prompt has neither, nor has a mean over it.

    Args:
        first, second: tables over the same prompts, in any order.
        rng: source of the draws.
        weights: of the tasks in the overall score; None: equal.
        resamples: R.

    Raises:
        BenchmarkError: the tables do not hold the same prompts, or no prompt has a score in both.
    """
    (first, second), shares = shared([first, second], weights)
    tasks = first.names
    observed = {task: _means(first, second, task, np.ones((1, len(first.rows(task))))) for task in tasks}
    drawn = {task: _means(first, second, task, resampled(len(first.rows(task)), resamples, rng)) for task in tasks}
    sizes = {task: len(first.rows(task)) for task in tasks}
    for means in (observed, drawn):
        means[OVERALL] = sum(share * means[task] for share, task in zip(shares, tasks, strict=True))  # type: ignore[assignment]
    sizes[OVERALL] = len(first.prompts)
    return {name: _difference(observed[name][0], drawn[name], sizes[name]) for name in (*tasks, OVERALL)}


def shared(tables: Sequence[ScoreTable], weights: Mapping[str, float] | None) -> tuple[list[ScoreTable], list[float]]:
    """The tables with the rows of the first that all of them answered, and the weights of the tasks that are left.

    A prompt about which a judge did not answer in one of the runs says nothing about their difference.

    Raises:
        BenchmarkError: the tables do not hold the same prompts, or no prompt has a score in all of them.
    """
    first = tables[0]
    rows = [first, *(aligned(first, table) for table in tables[1:])]
    answered = np.logical_and.reduce([table.answered for table in rows])
    if answered.all():
        return rows, task_weights(first.names, weights)
    rows = [table.only(answered) for table in rows]
    shares = task_weights(rows[0].names, weights)
    return rows, [share / sum(shares) for share in shares]


def aligned(first: ScoreTable, second: ScoreTable) -> ScoreTable:
    """``second`` with its rows in the order of ``first``. Raises BenchmarkError for different prompts."""
    rows_by_key = {key: row for row, key in enumerate(zip(second.prompts, second.tasks, strict=True))}
    keys = list(zip(first.prompts, first.tasks, strict=True))
    if len(rows_by_key) != len(second.prompts) or len(set(keys)) != len(keys):
        raise BenchmarkError("a run holds the same prompt twice; its scores cannot be paired.")
    if different := sorted(set(keys) ^ set(rows_by_key)):
        raise BenchmarkError(
            f"the two runs do not hold the same prompts: {different[0][0]} ({different[0][1]}) is in only one of them "
            f"({len(different)} such); run both on the same prompts."
        )
    order = np.array([rows_by_key[key] for key in keys])
    return ScoreTable(first.prompts, first.tasks, second.correct[order], second.total[order])


def draw_counts(n: int, resamples: int, rng: np.random.Generator) -> Float[np.ndarray, "r n"]:
    """Resample ``n`` units with replacement; how often each is drawn in each resample."""
    draws = rng.integers(0, n, (resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(draws.ravel(), minlength=resamples * n).reshape(resamples, n).astype(np.float64)


def resampled(prompts: int, resamples: int, rng: np.random.Generator) -> Float[np.ndarray, "r n"]:
    """As :func:`draw_counts`, and NaN for a single prompt: drawn again it is itself, as if nothing could vary."""
    counts = draw_counts(prompts, resamples, rng)
    return counts if prompts > 1 else np.full_like(counts, np.nan)


def _means(
    first: ScoreTable, second: ScoreTable, task: str, counts: Float[np.ndarray, "r n"]
) -> Float[np.ndarray, "r 2"]:
    """A task's mean in both runs under each resample."""
    rows = first.rows(task)
    sums = counts @ np.stack([first.correct, second.correct, first.total, second.total], axis=1)[rows]
    return sums[:, :2] / sums[:, 2:]


def _difference(observed: Float[np.ndarray, "2"], drawn: Float[np.ndarray, "r 2"], prompts: int) -> Difference:
    gaps, (value,) = _gaps(drawn), _gaps(observed[None])
    low, high = np.quantile(gaps, QUANTILES)
    extreme = min(int((gaps <= 0).sum()), int((gaps >= 0).sum())) + 1
    return Difference(
        first=float(observed[0]),
        second=float(observed[1]),
        value=float(value),
        low=float(low),
        high=float(high),
        p_value=float("nan") if np.isnan(low) else min(1.0, 2 * extreme / (len(gaps) + 1)),
        prompts=prompts,
    )


def _gaps(means: Float[np.ndarray, "r 2"]) -> Float[np.ndarray, " r"]:
    """The second minus the first, 0 where they differ by rounding alone."""
    gaps = means[:, 1] - means[:, 0]
    return np.where(np.abs(gaps) <= _ROUNDING * np.maximum(np.abs(means).max(axis=1), 1), 0.0, gaps)
