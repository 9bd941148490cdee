"""The table of a comparison as numbers with their errors, before anything is written down."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from scalingar.bench.benchmark import UNANSWERED
from scalingar.bench.runs.comparison import Comparison
from scalingar.bench.runs.results import RunResults
from scalingar.bench.statistics import Difference, Estimate, ScoreTable, ratio
from scalingar.bench.statistics.paired import OVERALL

SCORE, COUNT, SECONDS = 3, 0, 2
"""Decimals that are shown."""


@dataclass(frozen=True)
class Figure:
    """A number. ``error``: its standard error. ``low``, ``high``: ends of a 95 % interval, of differences."""

    value: float
    error: float | None = None
    low: float | None = None
    high: float | None = None
    decimals: int = SCORE
    difference: bool = False
    """Written with its sign; without ``low`` where a task has one prompt and there is no interval."""


Cell = str | Figure | None
"""A word, a number, or nothing where there is none."""


@dataclass(frozen=True)
class ReportTable:
    """Rows of cells under ``head``. ``facts``: what holds for all rows. ``notes``: sentences below the table."""

    title: str
    facts: Sequence[str]
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=tuple)
    copied: int = 0
    """Rows at the end that others measured, with other models than the facts say."""


def report_table(comparison: Comparison) -> ReportTable:
    """A row per run: reward and N, tasks, overall and further scores with differences, tokens and seconds per image."""
    runs, baseline = comparison.runs, comparison.baseline
    # A task has no score in a run where the judge answered about none of its images.
    tasks = list(dict.fromkeys(task for run in runs for task in run.summary.tasks))
    shown = [] if tasks == ["all"] else tasks
    measures = list(dict.fromkeys(name for run in runs for name in run.summary.measures))
    before, after = ["strategy", "reward", "N"], [OVERALL, f"against {baseline}"]
    after += [title for name in measures for title in (name, f"{name} against {baseline}")]
    after += ["tokens/image", "s/image"]
    silent = [run.summary.further.get(UNANSWERED, 0.0) for run in runs]
    if any(silent):
        after.append(UNANSWERED)
    head = [*before, *_apart(shown, {*before, *after}), *after]
    rows = [
        [*_cells(run, comparison, shown, measures), *([Figure(count, decimals=COUNT)] if any(silent) else [])]
        for run, count in zip(runs, silent, strict=True)
    ]
    notes = [note for note in (comparison.note, _flattered(runs)) if note is not None]
    return ReportTable(runs[0].summary.label, facts(runs[0]), head, rows, notes)


def _apart(tasks: Sequence[str], taken: set[str]) -> Iterator[str]:
    """Titles of tasks, none of them that of another column: tasks may be tags that somebody made up."""
    for task in tasks:
        title = task
        while title in taken or (title != task and title in tasks):
            title = f"task {title}"
        yield title


def facts(run: RunResults) -> list[str]:
    """What the runs of a comparison have in common, and what the errors are."""
    model = run.plan.recipe.model
    variant = f":{model.options['variant']}" if model.options.get("variant") else ""
    prompts, each = run.summary.overall.prompts, run.plan.images_per_prompt
    known = run.summary.overall.standard_error is not None
    errors = ["± standard error, by prompt, of seconds by shard", "[95 % interval of the paired difference]"]
    return [
        f"model {model.name}{variant}",
        f"{prompts} prompt{'s' * (prompts != 1)}, {each} image{'s' * (each != 1)} each",
        *(errors if known else ["a task of one prompt: no errors, and no intervals of differences"]),
    ]


def _cells(run: RunResults, comparison: Comparison, tasks: Sequence[str], measures: Sequence[str]) -> list[Cell]:
    strategy, summary, seconds = run.plan.recipe.strategy, run.summary, run.costs["seconds_per_image"]
    own = comparison.differences.get(run.name)
    further = comparison.further.get(run.name, {})
    estimates = {name: measure.estimate for name, measure in summary.measures.items()}
    return [
        run.name,
        strategy.needs().reward or "",
        str(strategy.num_trajectories),
        *(_estimate(summary.tasks.get(task)) for task in tasks),
        _estimate(summary.overall),
        "" if own is None else _difference(own[OVERALL]),
        *(
            cell
            for name in measures
            for cell in (
                _estimate(estimates.get(name)),
                "" if run.name == comparison.baseline else _difference(further.get(name)),
            )
        ),
        _tokens(run),
        None if seconds is None else Figure(seconds, run.costs.get("seconds_per_image_error"), decimals=SECONDS),
    ]


def _estimate(estimate: Estimate | None) -> Figure | None:
    return None if estimate is None else Figure(estimate.value, estimate.standard_error)


def _difference(difference: Difference | None) -> Figure | None:
    if difference is None:
        return None
    if math.isnan(difference.low):  # of a single prompt
        return Figure(difference.value, difference=True)
    return Figure(difference.value, low=difference.low, high=difference.high, difference=True)


def _tokens(run: RunResults) -> Figure:
    """The mean over images, with an error, by prompt, only where images differ in it."""
    tokens, mean = [line["tokens"] for line in run.samples], run.costs["tokens_per_image"]
    if len(set(tokens)) < 2:
        return Figure(mean, decimals=COUNT)
    prompts = [line["id"] for line in run.samples]
    table = ScoreTable.of_images(prompts, tasks=prompts, points=tokens, total=[1.0] * len(tokens))
    return Figure(mean, ratio(table.correct, table.total).standard_error, decimals=COUNT)


def _flattered(runs: Sequence[RunResults]) -> str | None:
    """A sentence on runs that were chosen by what judges them."""
    names = [run.name for run in runs if run.flattered]
    verb = "was" if len(names) == 1 else "were"
    return f"Chosen by what also judges, and so flattered, {verb} {', '.join(names)}." if names else None
