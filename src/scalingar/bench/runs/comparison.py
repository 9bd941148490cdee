"""Runs side by side: the paired differences of each from a baseline."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.results import RunResults
from scalingar.bench.statistics import Difference, paired_bootstrap
from scalingar.bench.statistics.paired import OVERALL
from scalingar.core.errors import BenchmarkError

SEED = 20250926
"""Seeds the bootstrap."""


@dataclass(frozen=True)
class Comparison:
    """Runs of one benchmark on the same prompts, each compared with the baseline."""

    runs: Sequence[RunResults]
    baseline: str
    differences: dict[str, dict[str, Difference]]
    """By run, then by task or ``overall``; the baseline has no entry."""
    further: dict[str, dict[str, Difference]] = field(default_factory=dict)
    """By run, then by the name of a further measure, over all tasks."""

    @property
    def note(self) -> str | None:
        """A sentence on the runs that share no noise with the baseline; None if there are none."""
        seeds = {run.name: run.plan.recipe.seed for run in self.runs}
        base = seeds[self.baseline]
        others = [f"{name} (seed {seed})" for name, seed in seeds.items() if seed != base]
        if not others:
            return None
        return (
            f"Not drawn from the noise of {self.baseline} (seed {base}): {', '.join(others)}. "
            "Their differences are paired by prompt alone, not by candidates."
        )


def compare(runs: Sequence[RunResults], baseline: str | None = None) -> Comparison:
    """Paired differences of all runs against ``baseline`` (None: the first).

    Raises:
        BenchmarkError: no such run, two of one name, or runs of different benchmarks, rules, models or prompts.
    """
    check_names(runs)
    names = [run.name for run in runs]
    baseline = names[0] if baseline is None else baseline
    if baseline not in names:
        raise BenchmarkError(f"the baseline {baseline!r} is none of the runs {', '.join(names)}.")
    base = runs[names.index(baseline)]
    for run in runs:
        _check_comparable(base, run)
    differences = {
        run.name: paired_bootstrap(base.table, run.table, np.random.default_rng(SEED), weights=base.summary.weights)
        for run in runs
        if run is not base
    }
    further = {run.name: _further(base, run) for run in runs if run is not base}
    return Comparison(runs, baseline, differences, further)


def _further(base: RunResults, run: RunResults) -> dict[str, Difference]:
    """Differences of the measures that both runs have."""
    pairs = {
        name: (measure, run.summary.measures[name])
        for name, measure in base.summary.measures.items()
        if name in run.summary.measures
    }
    return {
        name: paired_bootstrap(first.table, second.table, np.random.default_rng(SEED), weights=first.weights)[OVERALL]
        for name, (first, second) in pairs.items()
    }


def check_names(runs: Sequence[RunResults]) -> None:
    """Raises BenchmarkError unless each run has a name of its own."""
    for place, run in enumerate(runs):
        other = next((other for other in runs[:place] if other.name == run.name), None)
        if other is not None and other.folder == run.folder:
            raise BenchmarkError(f"the run {run.folder} is given twice; leave one of them out.")
        if other is not None:
            raise BenchmarkError(
                f"two runs are called {run.name}, {other.folder} and {run.folder}; rename the folder of one of them."
            )


_SHARED = ("benchmark", "benchmark_version", "content", "provenance", "model_weights", "images_per_prompt", "limit")
"""Of plans whose runs are compared."""


def _check_comparable(base: RunResults, run: RunResults) -> None:
    for name in _SHARED:
        expected, actual = getattr(base.plan, name), getattr(run.plan, name)
        if expected != actual:
            raise BenchmarkError(
                f"{run.folder} cannot be compared with {base.folder}: {name.removeprefix('model_')} is {actual!r} "
                f"there and {expected!r} here."
            )
    if differing := different_rule(base.plan, run.plan):
        raise BenchmarkError(f"{run.folder} cannot be compared with {base.folder}: {differing}.")


_RULE = "settings."
_NO_RULE = ("model_name", "judge.attempts", "judge.timeout")
"""Settings of benchmarks that change no verdict."""


def different_rule(base: RunPlan, plan: RunPlan) -> str | None:
    """The first setting by which the images of two runs are judged differently, in words; None: there is none."""
    here, there = _rule(base), _rule(plan)
    name = next((name for name in {**here, **there} if here.get(name) != there.get(name)), None)
    if name is None:
        return None
    old, new = (repr(rule[name]) if name in rule else "left at its default" for rule in (here, there))
    return f"{name} is {new} there and {old} here"


def _rule(plan: RunPlan) -> dict[str, Any]:
    """What decides the verdicts, by dotted name."""
    settings = {name.removeprefix(_RULE): value for name, value in plan.told().items() if name.startswith(_RULE)}
    return {name: value for name, value in settings.items() if name not in _NO_RULE}
