"""Odd prompts beside the plain ones that they are made of: who loses how much of its score."""

from collections.abc import Iterator

from results.runs import group
from scalingar.bench.robustness import drop_table, robustness

SUITE = "robustness"
BASELINE = "single"


def blocks() -> Iterator[tuple[str, str]]:
    """The computed block on robustness."""
    with group("plain", SUITE) as plain, group("odd", SUITE) as odd:
        names = [name for name in plain.runs if name in odd.runs]
        if not names:
            return
        drops = robustness([plain[name] for name in names], [odd[name] for name in names], BASELINE)
        yield "robustness", drop_table(drops)
