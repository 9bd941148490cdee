"""Runs on hard prompts beside those of the same strategies on ordinary ones: who loses how much of its score."""

import math
from collections.abc import Sequence

import numpy as np

from scalingar.bench.runs.comparison import SEED, check_names, different_rule
from scalingar.bench.runs.results import RunResults
from scalingar.bench.statistics.drops import Drop, Group, Interval, score_drops
from scalingar.core.errors import BenchmarkError
from scalingar.report.markdown import markdown_table
from scalingar.rewards.verifiers import VERIFIER


def robustness(
    ordinary: Sequence[RunResults], hard: Sequence[RunResults], baseline: str | None = None
) -> dict[str, Drop]:
    """The drop of each strategy, by the name that its run has in both folders. ``baseline``: None for the first.

    Raises:
        BenchmarkError: a strategy is missing on one side or there twice, a run differs from its partner in strategy or
            model, or runs of one side are judged differently.
    """
    for runs in (ordinary, hard):
        check_names(runs)
    easy, difficult = ({run.name: run for run in runs} for runs in (ordinary, hard))
    if alone := sorted(set(easy) ^ set(difficult)):
        raise BenchmarkError(f"{alone[0]} was run on one kind of prompts only; run the same strategies on both.")
    names = list(easy)
    baseline = names[0] if baseline is None else baseline
    if baseline not in names:
        raise BenchmarkError(f"the baseline {baseline!r} is none of the runs {', '.join(names)}.")
    for name in names:
        _check_same(easy[name], difficult[name])
    return score_drops(_group(easy), _group(difficult), baseline, np.random.default_rng(SEED))


def _check_same(ordinary: RunResults, hard: RunResults) -> None:
    one, two = ordinary.plan, hard.plan
    for what, same in {
        "strategy": one.recipe.strategy == two.recipe.strategy,
        "model": one.model_weights == two.model_weights,
        "verifier": one.weights.get(VERIFIER) == two.weights.get(VERIFIER),
        "guidance scale": one.recipe.guidance_scale == two.recipe.guidance_scale,
        "sampling": one.recipe.sampling == two.recipe.sampling,
    }.items():
        if not same:
            raise BenchmarkError(f"{ordinary.folder} and {hard.folder} differ in {what}; their scores make no drop.")


def _group(runs: dict[str, RunResults]) -> Group:
    first = next(iter(runs.values()))
    for run in runs.values():
        if (run.summary.label, run.plan.provenance) != (first.summary.label, first.plan.provenance):
            raise BenchmarkError(f"{first.folder} and {run.folder} are of different benchmarks or judges.")
        if differing := different_rule(first.plan, run.plan):
            raise BenchmarkError(f"{run.folder} cannot be compared with {first.folder}: {differing}.")
    return Group({name: run.table for name, run in runs.items()}, first.summary.weights)


def drop_table(drops: dict[str, Drop]) -> str:
    """A table of all strategies: both scores, the drop, and how it compares with the baseline's."""
    head = ["strategy", "ordinary", "hard", "drop", "less than the baseline", "share of its drop"]
    rows = [
        [name, f"{drop.ordinary:.3f}", f"{drop.hard:.3f}", *map(_percent, (drop.drop, drop.less, drop.mitigated))]
        for name, drop in drops.items()
    ]
    return markdown_table(head, rows)


def _percent(interval: Interval | None) -> str:
    if interval is None:
        return ""
    if math.isnan(interval.low):
        return f"{100 * interval.value:.1f} %"
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
