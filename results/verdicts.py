"""How often a person who does not know the detector's verdict agrees with it, on generated images."""

from collections.abc import Iterator, Sequence

from results import csv_tables
from results.runs import DATA
from scalingar.bench.statistics.proportions import wilson_interval
from scalingar.report.markdown import markdown_table


def blocks() -> Iterator[tuple[str, str]]:
    """The computed block on the detector."""
    rows = csv_tables.read(DATA / "verdicts.csv")
    called = {verdict: [row for row in rows if row["detector"] == verdict] for verdict in "10"}
    table = [
        ["all", *_agreement(rows)],
        *([task.replace("_", " "), *_agreement([row for row in rows if row["task"] == task])] for task in _tasks(rows)),
        ["called right by the detector", *_agreement(called["1"])],
        ["called wrong by the detector", *_agreement(called["0"])],
    ]
    yield "verdicts", markdown_table(["images", "looked at", "agreed", "share", "95 % interval (Wilson)"], table)


def _agreement(rows: Sequence[csv_tables.Row]) -> list[str]:
    same = sum(row["detector"] == row["eye"] for row in rows)
    low, high = wilson_interval(same, len(rows))
    return [str(len(rows)), str(same), f"{same / len(rows):.1%}", f"{low:.1%} to {high:.1%}"]


def _tasks(rows: Sequence[csv_tables.Row]) -> list[str]:
    return sorted({row["task"] for row in rows})
