"""docs/prefixes.md: how much of an image's reward its first codes or scales decide."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from matplotlib.figure import Figure

from results.runs import DATA
from scalingar.analysis.outcomes.findings import format_cell
from scalingar.analysis.prefixes.plot import figure as drawn
from scalingar.analysis.prefixes.study import Length, Study
from scalingar.analysis.prefixes.tables import decided_head, decided_row, percent, percents, task_table
from scalingar.report.markdown import markdown_table

MODELS = ("next-token", "next-scale")
"""The embedded ones, by how they decode: files of docs/data/prefixes."""
KEPT = 2
"""Of 8 in the computed columns."""
HEAD = (
    "prefix",
    "2 of 4 kept: gain",
    "complete images",
    f"{KEPT} of 8 kept, if normal: gain",
    "tokens",
    "complete images",
    "redrawn",
    "new image",
    "difference",
)


@cache
def studies() -> dict[str, Study]:
    """Those that were made."""
    files = {model: DATA / "prefixes" / f"{model}.json" for model in MODELS}
    return {model: Study.read(file) for model, file in files.items() if file.exists()}


def blocks() -> Iterator[tuple[str, str]]:
    """Every computed block of the page."""
    lengths = {model: study.lengths() for model, study in studies().items()}
    rows = [(length, f"{model}: {length.share.name}") for model, found in lengths.items() for length in found]
    completions = {study.plan["completions"] for study in studies().values()}
    yield (
        "prefixes-decided",
        markdown_table(decided_head(*completions), [[name, *decided_row(length)[1:]] for length, name in rows]),
    )
    yield "prefixes-spending", markdown_table(HEAD, [[name, *_spending(length)] for length, name in rows])
    yield "prefixes-tasks", task_table(studies()["next-token"])


def _spending(length: Length) -> list[str]:
    cut = next(cut for cut in length.cuts if cut.kept == KEPT)
    halved, redrawn = length.halved, length.redrawn
    assert redrawn is not None
    return [
        percents(halved.gain),
        percents(halved.complete),
        percents(cut.gain),
        percent(cut.tokens),
        percent(cut.complete),
        *map(format_cell, (redrawn.redrawn, redrawn.new, replace(redrawn.difference, signed=True))),
    ]


def figure() -> Figure:
    """A row for each model."""
    return drawn(list(studies().values()))
