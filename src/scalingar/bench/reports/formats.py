"""A table as Markdown, CSV or LaTeX."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from scalingar.bench.reports.report_table import Cell, Figure, ReportTable
from scalingar.report.markdown import markdown_table

_NOTHING = "–"
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "±": r"$\pm$", "λ": r"$\lambda$",
}  # fmt: skip
_FORMULA = ("=", "+", "-", "@")
"""Spreadsheets take text that begins like this for a formula."""


def spelled(table: ReportTable) -> tuple[list[str], list[list[str]]]:
    """Head and rows as words: numbers with their errors, rounded."""
    return [title.replace("_", " ") for title in table.head], [[_spelled(cell) for cell in row] for row in table.rows]


def markdown(table: ReportTable) -> str:
    """Title, facts, the table, notes."""
    head, rows = spelled(table)
    notes = "".join(f"\n{note}\n" for note in table.notes)
    return f"{table.title}\n\n{'; '.join(table.facts)}.\n\n{markdown_table(head, rows)}{notes}"


def comma_separated(table: ReportTable) -> str:
    """Every number in a column of its own and unrounded, with the title and the facts in each row."""
    kinds = [_kind([row[place] for row in table.rows]) for place in range(len(table.head))]
    head = ["benchmark", "model", "strategy", *_columns(table.head[1:], kinds[1:])]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    model = next((fact.removeprefix("model ") for fact in table.facts if fact.startswith("model ")), "")
    measured = len(table.rows) - table.copied
    for place, row in enumerate(table.rows):
        numbers = [part for cell, kind in zip(row, kinds, strict=True) for part in _parts(cell, kind)]
        writer.writerow([_harmless(part) for part in (table.title, model if place < measured else "", *numbers)])
    return buffer.getvalue()


def latex(table: ReportTable) -> str:
    """A table for booktabs, with title and facts as its caption."""
    head = " & ".join(_escaped(title.replace("_", " ")) for title in table.head)
    rows = [" & ".join(_in_latex(cell) for cell in row) + r" \\" for row in table.rows]
    sentences = [table.title, "; ".join(table.facts), *(note.rstrip(".") for note in table.notes)]
    caption = ". ".join(map(_escaped, sentences))
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table}",
        rf"\caption{{{caption}.}}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}",
        r"\toprule",
        head + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


FORMATS: Mapping[str, tuple[str, Callable[[ReportTable], str]]] = {
    "markdown": ("md", markdown),
    "csv": ("csv", comma_separated),
    "latex": ("tex", latex),
}
"""By name: the ending of a file, and what writes it."""


def _spelled(cell: Cell) -> str:
    if cell is None or isinstance(cell, str):
        return _NOTHING if cell is None else cell
    sign = "+" if cell.difference else ""
    text = f"{cell.value:{sign}.{cell.decimals}f}"
    if cell.low is not None and cell.high is not None:
        return f"{text} [{cell.low:+.{cell.decimals}f}, {cell.high:+.{cell.decimals}f}]"
    return text if cell.error is None else f"{text} ± {cell.error:.{max(cell.decimals, 0)}f}"


def _in_latex(cell: Cell) -> str:
    if not isinstance(cell, Figure):
        return _escaped(_spelled(cell))
    return "$" + _spelled(cell).replace("±", r"\pm").replace(" [", r"\ [") + "$"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _kind(cells: Sequence[Cell]) -> tuple[str, ...]:
    """The endings of the columns that these cells need."""
    figures = [cell for cell in cells if isinstance(cell, Figure)]
    if any(figure.low is not None for figure in figures):
        return ("", " low", " high")
    return ("", " standard error") if any(figure.error is not None for figure in figures) else ("",)


def _columns(titles: Sequence[str], kinds: Sequence[tuple[str, ...]]) -> list[str]:
    return [title + ending for title, kind in zip(titles, kinds, strict=True) for ending in kind]


def _parts(cell: Cell, kind: tuple[str, ...]) -> list[str]:
    if not isinstance(cell, Figure):
        return [cell or "", *[""] * (len(kind) - 1)]
    others = {" standard error": cell.error, " low": cell.low, " high": cell.high}
    numbers = [cell.value, *(others[ending] for ending in kind[1:])]
    return ["" if number is None else repr(float(number)) for number in numbers]


def _harmless(text: str) -> str:
    """Text that a spreadsheet would compute is written as text; numbers stay numbers."""
    try:
        float(text)
    except ValueError:
        return f"'{text}" if text.startswith(_FORMULA) else text
    return text
