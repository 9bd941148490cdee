"""Scores of outcomes: overall with its error, and paired differences, as benchmarks report them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from scalingar.analysis.runs.complete_run import TracedRun
from scalingar.bench.benchmark import BENCHMARKS
from scalingar.bench.statistics import Difference, Estimate, ScoreTable, overall, paired_bootstrap, task_estimates
from scalingar.bench.statistics.paired import OVERALL

SEED = 20260611
"""Seeds every random draw of the analyses."""
RESAMPLES = 4_000


@dataclass(frozen=True)
class Outcome:
    """Points earned and tokens spent per image under a selection rule; points may be expectations."""

    name: str
    points: Float[np.ndarray, " i"]
    tokens: Float[np.ndarray, " i"]


def picked(run: TracedRun, chosen: Int[np.ndarray, " i"]) -> Float[np.ndarray, " i"]:
    """Points of the chosen candidates."""
    return np.take_along_axis(run.points, chosen[:, None], axis=1)[:, 0]


def score_table(
    run: TracedRun, points: Float[np.ndarray, " i"], images: Bool[np.ndarray, " i"] | None = None
) -> ScoreTable:
    """Points per prompt. ``images``: mask of the images to use (whole prompts); None: all."""
    rows = np.arange(run.images) if images is None else np.flatnonzero(images)
    return ScoreTable.of_images(
        prompts=[run.prompts[row] for row in rows],
        tasks=[run.tasks[row] for row in rows],
        points=points[rows],
        total=run.total[rows],
    )


def score(run: TracedRun, points: Float[np.ndarray, " i"], images: Bool[np.ndarray, " i"] | None = None) -> Estimate:
    """The benchmark's overall score."""
    table = score_table(run, points, images)
    return overall(task_estimates(table), _weights(run, table))


def difference(
    run: TracedRun,
    first: Float[np.ndarray, " i"],
    second: Float[np.ndarray, " i"],
    images: Bool[np.ndarray, " i"] | None = None,
) -> Difference:
    """Overall score of ``second`` minus that of ``first``, paired by prompt, with a fixed seed."""
    tables = score_table(run, first, images), score_table(run, second, images)
    rng = np.random.default_rng(SEED)
    return paired_bootstrap(*tables, rng, weights=_weights(run, tables[0]), resamples=RESAMPLES)[OVERALL]


def _weights(run: TracedRun, table: ScoreTable) -> Mapping[str, float] | None:
    """The benchmark's task weights; None (equal weights) where it is not installed."""
    if run.plan.benchmark not in BENCHMARKS:
        return None
    return BENCHMARKS[run.plan.benchmark].weights(table)
