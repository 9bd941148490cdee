"""docs/rivals.md: methods of others at the tokens of Best-of-N, and what a filled prefix knows."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results import csv_tables as of
from results.runs import DATA, Group, group
from results.tables import difference, looks_told, told
from scalingar.bench.runs.results import RunResults
from scalingar.policy.filling import FILLS
from scalingar.report.figure import doubling_axis, new_figure, own_style, quiet_axes
from scalingar.report.labels import label_points
from scalingar.report.markdown import markdown_table, with_error
from scalingar.report.palette import CHOSEN, FINISHED, INK, RULE

GROUPS = {"rivals": "next-token", "rivals-next-scale": "next-scale"}
"""Folders of packs, and the model they are of."""
COMPLETE = ("single", "best-of-4", "best-of-8", "stop-when-good-4")
"""What draws complete images, and can be read off the first ones of the complete run of either model."""
ALSO = {
    "rivals": {"verifier-8": "verifier/verifier-of-8"},
    "rivals-next-scale": {
        "verifier-4": "verifier-next-scale/halving-4-reward",
        "verifier-8": "verifier-next-scale/halving-8-reward",
    },
}
"""Runs of ours that are packed elsewhere."""
BUDGETS = ("4", "8")
OURS = ("stop-when-good", "verifier")
TITLES = {
    "single": "single",
    "arsample-single": "ARsample's temperature, N = 1",
    "arsample-level-single": "ARsample's temperature, T₀ = {temperature:g}, N = 1",
    "density": "density (VAR-Scaling), N = 50",
    "best-of": "best of {n} (reward)",
    "stop-when-good": "stop when good (ours)",
    "verifier": "by the verifier (ours)",
    "beam": "beam (SoTo)",
    "lookahead": "lookahead (SoTo)",
    "scale-beam": "beam over scales",
    "speculative-rejection": "speculative rejection",
    "gridar": "GridAR, without rewritten prompts",
    "gridar-layout": "GridAR and a layout, three branches",
    "fr-tts": "FR-TTS",
    "parm": "PARM's choice, untrained",
}
BROKEN = "arsample-single"
"""In the table alone: its score, which is nearly 0, would take most of the figure."""
NOT_YET = "Not measured yet."


def blocks() -> Iterator[tuple[str, str]]:
    """Every computed block of the page."""
    for name in GROUPS:
        with compared(name) as runs:
            yield name, table(runs)
    yield "filled-prefixes", filled_prefixes()


def compared(name: str) -> AbstractContextManager[Group]:
    """The methods of a group beside those that are read off."""
    return group(name, name, firsts_of=GROUPS[name], labels=COMPLETE, also=ALSO[name])


def rows(runs: Group) -> Iterator[tuple[str, RunResults, str | None]]:
    """Title, run and budget of what is there: the controls at N = 1, then all at the tokens of 4 and of 8 images."""
    for name in ("single", "arsample-single", "arsample-level-single", "density"):
        if name in runs.runs:
            sampling = runs[name].plan.recipe.sampling
            assert sampling is not None  # nothing is left to defaults in a plan
            yield TITLES[name].format(temperature=sampling.temperature), runs[name], None
    for budget in BUDGETS:
        for name, title in TITLES.items():
            if (full := f"{name}-{budget}") in runs.runs:
                yield f"{title.format(n=budget).removesuffix(', N = 50')}", runs[full], budget


def table(runs: Group) -> str:
    """Scores beside their costs, paired with Best-of-N at the same tokens and with what is ours there."""
    bases = [f"against {base}" for base in ("best-of-n", *OURS)]
    head = ["method", "overall", *bases, "tokens/image", "looks", "s/image"]
    return markdown_table(head, [_row(runs, *row) for row in rows(runs)])


def _row(runs: Group, title: str, run: RunResults, budget: str | None) -> list[str]:
    overall, costs = run.summary.overall, run.costs
    bases = [f"{base}-{budget}" for base in ("best-of", *OURS)]
    seconds = costs["seconds_per_image"]
    return [
        f"{title} at {budget} images' tokens" if budget else title,
        with_error(overall.value, overall.standard_error),
        *("" if base not in runs.runs or runs[base] is run else told(difference(runs[base], run)) for base in bases),
        f"{costs['tokens_per_image']:.0f}",
        looks_told(run, digits=1),
        "–" if seconds is None else f"{seconds:.2f}",
    ]


def filled_prefixes() -> str:
    """Spearman's correlation row by row, a column per filling that is there."""
    files = {fill: DATA / "rivals" / f"consistency-{fill}.csv" for fill in FILLS}
    found = {fill: of.read(file) for fill, file in files.items() if file.exists()}
    if not found:
        return NOT_YET
    told_rows = [
        [lines[0]["rows"], *(of.interval("Spearman", sign="")(line) for line in lines)]
        for lines in zip(*found.values(), strict=True)
    ]
    return markdown_table(["rows drawn", *found], told_rows)


@own_style
def figure(runs: Group) -> Figure:
    """Overall score against tokens and against seconds per image; ours in colour."""
    drawn = new_figure(11.0, 7.0)
    left, right = drawn.subplots(1, 2, sharey=True)
    _scatter(left, runs, "tokens_per_image", "tokens per image")
    _scatter(right, runs, "seconds_per_image", "seconds per image")
    left.set_ylabel("GenEval, overall", color=INK)
    return drawn


def _scatter(axes: Axes, runs: Group, cost: str, label: str) -> None:
    quiet_axes(axes)
    places = {}
    for title, run, budget in rows(runs):
        if run.costs[cost] is None or run.name == BROKEN:
            continue
        value = run.summary.overall
        color = CHOSEN if run.name.startswith(OURS) else FINISHED
        error = value.standard_error
        axes.errorbar(run.costs[cost], value.value, yerr=error, fmt="o", color=color, ecolor=RULE, capsize=3)
        places[f"{title.partition(',')[0]}{'' if budget is None else f' · {budget}'}"] = (run.costs[cost], value.value)
    doubling_axis(axes, label)
    axes.margins(x=0.35)
    label_points(axes, places)
