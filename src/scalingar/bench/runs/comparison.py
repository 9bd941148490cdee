"""Runs side by side: scores with errors, paired differences, costs, and quality against tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from scalingar.bench.benchmark import UNANSWERED
from scalingar.bench.runs.results import RunResults
from scalingar.bench.statistics import Difference, paired_bootstrap
from scalingar.bench.statistics.paired import OVERALL
from scalingar.core.errors import BenchmarkError
from scalingar.core.files import check_writable, free_folder, write_files
from scalingar.report.figure import new_figure, own_style, png_bytes, quiet_axes
from scalingar.report.labels import label_points
from scalingar.report.markdown import markdown_table, with_error, with_interval
from scalingar.report.palette import CHOSEN, FINISHED, INK, RULE

SEED = 20250926
"""Seeds the bootstrap."""


@dataclass(frozen=True)
class Comparison:
    """Runs of one benchmark on the same prompts, each compared with the baseline."""

    runs: Sequence[RunResults]
    baseline: str
    differences: dict[str, dict[str, Difference]]
    """By run, then by task or ``overall``; the baseline has no entry."""

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
        BenchmarkError: no such run, or runs of different benchmarks, models or prompts.
    """
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
    return Comparison(runs, baseline, differences)


def _check_comparable(base: RunResults, run: RunResults) -> None:
    for name in ("benchmark", "benchmark_version", "content", "provenance", "weights", "images_per_prompt", "limit"):
        expected, actual = getattr(base.plan, name), getattr(run.plan, name)
        if expected != actual:
            raise BenchmarkError(
                f"{run.folder} cannot be compared with {base.folder}: {name} is {actual!r} there and {expected!r} here."
            )


def rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Head and cells of a table of all runs: tasks, overall with its standard error, difference with its interval,
    tokens and seconds per image."""
    # A task has no score in a run where the judge answered about none of its images.
    tasks = list(dict.fromkeys(task for run in comparison.runs for task in run.summary.tasks))
    head = ["strategy", *(task.replace("_", " ") for task in tasks), "overall", f"against {comparison.baseline}"]
    head += ["tokens/image", "s/image"]
    cells = [_cells(run, comparison, tasks) for run in comparison.runs]
    silent = [run.summary.further.get(UNANSWERED, 0.0) for run in comparison.runs]
    if any(silent):
        head.append(UNANSWERED)
        cells = [[*row, f"{count:.0f}"] for row, count in zip(cells, silent, strict=True)]
    return head, cells


def markdown(comparison: Comparison) -> str:
    """The table of :func:`rows`; below it, which runs share no noise with the baseline."""
    table = markdown_table(*rows(comparison))
    return table if comparison.note is None else f"{table}\n{comparison.note}\n"


def _cells(run: RunResults, comparison: Comparison, tasks: Sequence[str]) -> list[str]:
    summary, seconds = run.summary, run.costs["seconds_per_image"]
    differences = comparison.differences.get(run.name)
    gap = None if differences is None else differences[OVERALL]
    return [
        run.name,
        *(f"{summary.tasks[task].value:.3f}" if task in summary.tasks else "–" for task in tasks),
        with_error(summary.overall.value, summary.overall.standard_error),
        "" if gap is None else with_interval(gap.value, gap.low, gap.high, sign="+"),
        f"{run.costs['tokens_per_image']:.0f}",
        "–" if seconds is None else f"{seconds:.2f}",
    ]


@own_style
def quality_plot(comparison: Comparison) -> Figure:
    """Overall score, with its standard error, against tokens per image."""
    figure = new_figure(7.5, 4.8)
    axes = figure.subplots()
    quiet_axes(axes)
    for run in comparison.runs:
        overall, tokens = run.summary.overall, run.costs["tokens_per_image"]
        color = CHOSEN if "scaling-ar" in run.name else FINISHED
        axes.errorbar(tokens, overall.value, yerr=overall.standard_error, fmt="o", color=color, ecolor=RULE, capsize=3)
    axes.set_xlabel("tokens per image", color=INK)
    axes.set_ylabel(f"{comparison.runs[0].summary.label}, overall", color=INK)
    axes.margins(x=0.2)
    label_points(
        axes, {run.name: (run.costs["tokens_per_image"], run.summary.overall.value) for run in comparison.runs}
    )
    return figure


def write_report(comparison: Comparison, folder: Path) -> list[Path]:
    """``report.md`` and ``quality.png``, beside others of these names; returns what was written. Raises OutputError."""
    check_writable(folder)
    files = {"report.md": markdown(comparison).encode(), "quality.png": png_bytes(quality_plot(comparison))}
    folder = free_folder(folder, files)
    write_files(folder, files)
    return [folder / name for name in files]
