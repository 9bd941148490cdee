"""Markdown tables, and numbers with their errors."""

from collections.abc import Sequence


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns are aligned to the right, but for the first; a ``|`` in a cell stays in its cell."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in (head, rule, *rows))


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def with_error(value: float, error: float | None) -> str:
    """A value with its standard error."""
    return f"{value:.3f}" if error is None else f"{value:.3f} ± {error:.3f}"


def with_interval(value: float, low: float, high: float, *, sign: str = "") -> str:
    """A value with its interval; with the sign "+" all three numbers carry one."""
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"
