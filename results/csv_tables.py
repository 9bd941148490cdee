"""Tables of analyses, as they lie under docs/data, in the pages' form."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scalingar.report.markdown import markdown_table, with_error, with_interval

Row = dict[str, str]
Column = Callable[[Row], str]


def read(file: Path) -> list[Row]:
    """The rows of an analysis."""
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def table(rows: Sequence[Row], columns: Mapping[str, Column]) -> str:
    """Chosen columns of some rows."""
    return markdown_table(list(columns), [[cell(row) for cell in columns.values()] for row in rows])


def text(name: str) -> Column:
    """The value as it is."""
    return lambda row: row[name]


def estimate(name: str) -> Column:
    """A value with its standard error."""
    return lambda row: with_error(float(row[name]), float(row[f"{name} error"]))


def interval(name: str, sign: str = "+") -> Column:
    """A value, by default a difference, with its 95 % interval, or nothing."""
    return lambda row: (
        with_interval(*(float(row[name + end]) for end in ("", " low", " high")), sign=sign) if row[name] else ""
    )


def number(name: str, digits: int = 3) -> Column:
    """A rounded number, or a dash."""
    return lambda row: f"{float(row[name]):.{digits}f}" if row[name] else "–"
