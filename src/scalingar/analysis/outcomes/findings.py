"""The result of an analysis: a table in Markdown and CSV and a plot, under one name."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from matplotlib.figure import Figure

from scalingar.bench.statistics import Difference, Estimate
from scalingar.core.files import write_beside
from scalingar.report.figure import png_bytes
from scalingar.report.markdown import markdown_table, with_error, with_interval


@dataclass(frozen=True)
class Interval:
    """A value between the ends of its 95 % interval; both are NaN where a single prompt gives none."""

    value: float
    low: float
    high: float
    signed: bool = False

    @classmethod
    def of(cls, difference: Difference) -> "Interval":
        """The interval of a paired difference."""
        return cls(difference.value, difference.low, difference.high, signed=True)


Cell = str | int | float | None | Estimate | Interval


@dataclass(frozen=True)
class Findings:
    """``name``: stem of the files. ``rows``: all with the same columns. ``notes``: sentences below the table."""

    name: str
    rows: Sequence[Mapping[str, Cell]]
    figure: Figure
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table with its notes."""
        columns = list(self.rows[0])
        table = markdown_table(columns, [[format_cell(row[column]) for column in columns] for row in self.rows])
        return table + "".join(f"\n{note}\n" for note in self.notes)

    def csv(self) -> str:
        """The table with one unrounded number per column."""
        buffer = io.StringIO()
        flat = [{key: value for name, cell in row.items() for key, value in _split(name, cell)} for row in self.rows]
        columns = list(dict.fromkeys(key for row in flat for key in row))
        writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(flat)
        return buffer.getvalue()

    def write(self, folder: Path, more: Mapping[str, bytes] = MappingProxyType({})) -> list[Path]:
        """Markdown, CSV and PNG, and ``more`` files with them; returns their paths.

        Where files of these names say something else, all go into a numbered folder beside it. Raises OutputError.
        """
        contents = {
            "md": self.markdown().encode(),
            "csv": self.csv().encode(),
            "png": png_bytes(self.figure, f"scalingar: {self.name}"),
        }
        files = {**{f"{self.name}.{suffix}": content for suffix, content in contents.items()}, **more}
        place = write_beside(folder, files)
        return [place / name for name in files]


def format_cell(cell: Cell) -> str:
    """A cell as text: three decimals, one for numbers from 10 on; a dash for None."""
    if cell is None:
        return "–"
    if isinstance(cell, Estimate):
        return with_error(cell.value, cell.standard_error)
    if isinstance(cell, Interval):
        sign = "+" if cell.signed else ""
        known = not math.isnan(cell.low)
        return with_interval(cell.value, cell.low, cell.high, sign=sign) if known else f"{cell.value:{sign}.3f}"
    return _number(cell) if isinstance(cell, float) else str(cell)


def _number(value: float) -> str:
    if 0 < value < 0.001:
        return "<0.001"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _split(name: str, cell: Cell) -> list[tuple[str, str | int | float | None]]:
    if isinstance(cell, Estimate):
        return [(name, cell.value), (f"{name} error", cell.standard_error)]
    if isinstance(cell, Interval):
        low, high = (None if math.isnan(end) else end for end in (cell.low, cell.high))
        return [(name, cell.value), (f"{name} low", low), (f"{name} high", high)]
    return [(name, cell)]
