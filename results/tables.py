"""Tables of runs: scores beside their costs, and paired differences."""

from collections.abc import Iterable, Mapping, Sequence

from results.runs import Group
from scalingar.bench.runs.comparison import compare
from scalingar.bench.runs.results import RunResults
from scalingar.bench.statistics import Difference
from scalingar.bench.statistics.paired import OVERALL
from scalingar.report.markdown import markdown_table, with_error, with_interval

LATENT = "latent"
"""The feature that needs no picture."""
Pair = tuple[str, str, str]
"""A question, and the two runs whose difference answers it: the second minus the first."""


def scores(group: Group, titles: Mapping[str, str], baseline: str, *, looks: bool = False) -> str:
    """Tasks, overall with its error, difference to a baseline, and costs, of the runs of ``titles`` that are there."""
    runs = {title: group[name] for name, title in titles.items() if name in group.runs}
    tasks = list(next(iter(runs.values())).summary.tasks)
    head = ["strategy", *(task.replace("_", " ") for task in tasks), "overall", f"against {titles[baseline]}"]
    head += ["tokens/image", *(["looks"] if looks else []), "s/image"]
    rows = [_row(title, run, tasks, group[baseline], looks=looks) for title, run in runs.items()]
    return markdown_table(head, rows)


def summary(group: Group, titles: Mapping[str, str]) -> str:
    """How many images are right, overall scores and tokens alone, of the runs that are there."""
    runs = {title: group[name] for name, title in titles.items() if name in group.runs}
    rows = [
        [
            title,
            f"{run.table.correct.sum():.0f} of {run.table.total.sum():.0f}",
            with_error(overall.value, overall.standard_error),
            f"{run.costs['tokens_per_image']:.0f}",
        ]
        for title, run in runs.items()
        for overall in [run.summary.overall]
    ]
    return markdown_table(["", "images right", "score", "tokens/image"], rows)


def _row(title: str, run: RunResults, tasks: Sequence[str], base: RunResults, *, looks: bool) -> list[str]:
    summary, seconds = run.summary, run.costs["seconds_per_image"]
    return [
        title,
        *(f"{summary.tasks[task].value:.3f}" for task in tasks),
        with_error(summary.overall.value, summary.overall.standard_error),
        "" if run is base else told(difference(base, run)),
        f"{run.costs['tokens_per_image']:.0f}",
        *([looks_told(run, digits=0)] if looks else []),
        "–" if seconds is None else f"{seconds:.2f}",
    ]


def looks_told(run: RunResults, *, digits: int) -> str:
    """Pictures of an image's trajectories that a reward or a feature was asked about; a dash where nobody counted."""
    ledger = run.costs["ledger"]
    if ledger is None:
        return "–"
    described = 0 if run.plan.recipe.strategy.needs().feature == LATENT else ledger["feature_calls"]
    return f"{(ledger['reward_calls'] + described) / run.costs['images']:.{digits}f}"


def differences(group: Group, pairs: Iterable[Pair]) -> str:
    """Answers that the runs can give: paired differences with their intervals, beside the tokens of either side."""
    head = ["question", "difference", "tokens/image"]
    rows = []
    for question, first, second in pairs:
        if not {first, second} <= set(group.runs):
            continue
        tokens = (f"{group[name].costs['tokens_per_image']:.0f}" for name in (second, first))
        rows.append([question, told(difference(group[first], group[second])), " against ".join(tokens)])
    return markdown_table(head, rows)


def difference(first: RunResults, second: RunResults) -> Difference:
    """The second's overall score minus the first's, paired by prompt. Raises BenchmarkError: not comparable."""
    return compare([first, second], first.name).differences[second.name][OVERALL]


def told(gap: Difference) -> str:
    """A difference with its 95 % interval."""
    return with_interval(gap.value, gap.low, gap.high, sign="+")
