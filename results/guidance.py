"""The guidance scale: the schedule's weights, decoded, beside fixed scales."""

from collections.abc import Iterator

from results.runs import Group, group
from results.tables import difference, told
from scalingar.bench.runs.results import RunResults
from scalingar.report.markdown import markdown_table, with_error

SCHEDULES = {
    "as-printed": "as printed",
    "alpha-0": "α = 0",
    "alpha-1": "α = 1",
    "beta-0": "β = 0",
    "beta-4": "β = 4",
    "gamma-0": "γ = 0",
    "gamma-1": "γ = 1",
    "relative": "relative form",
    "raw-variance": "variance of the raw I",
    "v3-start": "C_min since the start (v3-start)",
}
BASE = "2.0"


def blocks() -> Iterator[tuple[str, str]]:
    """Every computed block on guidance."""
    with group("schedule") as schedules:
        yield "schedules", _rows(schedules, SCHEDULES, "as-printed")
    with group("guidance") as fixed:
        scales = {name: name.removesuffix("-single") for name in sorted(fixed.runs, key=_scale)}
        yield "fixed-scales", _rows(fixed, scales, f"{BASE}-single")


def _scale(name: str) -> float:
    return float(name.removesuffix("-single"))


def _rows(runs: Group, titles: dict[str, str], base: str) -> str:
    there = {name: title for name, title in titles.items() if {name, base} <= set(runs.runs)}
    rows = [[title, *_cells(runs[name], runs[base])] for name, title in there.items()]
    return markdown_table(["", "score", f"against {titles.get(base, base)}", "tokens/image"], rows)


def _cells(run: RunResults, base: RunResults) -> list[str]:
    overall = run.summary.overall
    return [
        with_error(overall.value, overall.standard_error),
        "" if run is base else told(difference(base, run)),
        f"{run.costs['tokens_per_image']:.0f}",
    ]
