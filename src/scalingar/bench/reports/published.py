"""Figures that papers print, to stand beside ours: copied, not measured."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from scalingar.bench.reports.report_table import Cell, Figure, ReportTable
from scalingar.bench.runs.results import RunResults
from scalingar.bench.statistics.paired import OVERALL
from scalingar.core.errors import BenchmarkError

FILE = Path(__file__).with_name("published.csv")
MARK = "copied"
"""Begins the name of a row that nobody ran here."""


@dataclass(frozen=True)
class Published:
    """One row of a published table. ``scores``: as shares of 1 and with as many places as are printed, by our names."""

    benchmark: str
    method: str
    n: str
    source: str
    place: str
    note: str
    scores: dict[str, Figure]

    @property
    def name(self) -> str:
        """The method, and the table that it was copied from."""
        return f"{MARK}: {self.method} ({self.source.partition(' (')[0]}, {self.place})"


@cache
def published_rows() -> tuple[Published, ...]:
    """All rows of ``published.csv``, in its order."""
    rows: dict[tuple[str, ...], Published] = {}
    with FILE.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            key = {name: line[name] for name in ("benchmark", "method", "n", "source", "place", "note")}
            row = rows.setdefault(tuple(key.values()), Published(**key, scores={}))
            places = len(line["value"].partition(".")[2]) + (2 if line["of"] == "100" else 0)
            row.scores[line["metric"]] = Figure(float(line["value"]) / float(line["of"]), decimals=places)
    return tuple(rows.values())


def with_published(table: ReportTable, runs: Sequence[RunResults]) -> ReportTable:
    """The table with the published rows of its benchmark below, and columns for scores that only they would have.

    Raises:
        BenchmarkError: nothing is known of this benchmark.
    """
    benchmark = runs[0].plan.benchmark
    rows = [row for row in published_rows() if row.benchmark == benchmark]
    if not rows:
        known = ", ".join(dict.fromkeys(row.benchmark for row in published_rows()))
        raise BenchmarkError(f"no published figures of {benchmark} are known, only of {known}; leave --published out.")
    metrics = dict.fromkeys(metric for row in rows for metric in row.scores)
    added = [metric for metric in metrics if metric not in table.head and metric in runs[0].summary.further]
    place = table.head.index(OVERALL)
    head = [*table.head[:place], *added, *table.head[place:]]
    ours = [
        [*row[:place], *(_further(run, metric) for metric in added), *row[place:]]
        for row, run in zip(table.rows, runs, strict=True)
    ]
    copied = [_cells(row, head) for row in rows]
    sources = "; ".join(dict.fromkeys(row.source for row in rows))
    notes = [f"{row.name.removeprefix(f'{MARK}: ')}: {row.note}." for row in rows if row.note]
    said = [
        *table.notes,
        f"Rows that begin with '{MARK}' were run by others, with other seeds, detectors or judges, and have no errors: "
        f"{sources}.",
        *dict.fromkeys(notes),
    ]
    return replace(table, head=head, rows=[*ours, *copied], notes=said, copied=len(copied))


def _further(run: RunResults, metric: str) -> Figure | None:
    value = run.summary.further.get(metric)
    return None if value is None else Figure(value)


def _cells(row: Published, head: Sequence[str]) -> list[Cell]:
    cells: dict[str, Cell] = {**row.scores, "strategy": row.name, "reward": "", "N": row.n}
    return [cells.get(title) for title in head]
