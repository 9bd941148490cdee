"""Published rows: from where they are said to be, and never mistaken for ours."""

import csv
import io
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scalingar.bench.benchmarks.geneval.geneval import GenEval
from scalingar.bench.benchmarks.tiif import TIERS, group_scores
from scalingar.bench.reports.formats import comma_separated
from scalingar.bench.reports.published import MARK, published_rows, with_published
from scalingar.bench.reports.report_table import Cell, Figure, ReportTable
from scalingar.bench.runs.results import RunResults
from scalingar.core.errors import BenchmarkError

COSTS = {"tokens/image", "s/image"}
"""Columns of every report."""


def fake(benchmark: str, **further: float) -> RunResults:
    run: Any = SimpleNamespace(plan=SimpleNamespace(benchmark=benchmark), summary=SimpleNamespace(further=further))
    return cast(RunResults, run)


def test_every_row_has_a_source_a_place_and_a_score() -> None:
    rows = published_rows()
    assert len(rows) > 60
    for row in rows:
        assert row.source
        assert row.place
        assert row.scores
        assert all(0 < figure.value <= 1 for name, figure in row.scores.items() if name not in COSTS), row
        assert row.n in {"1", "2", "4", "8"}
    keys = [(row.benchmark, row.method, row.n, row.source, row.place) for row in rows]
    assert len(set(keys)) == len(keys), "a row that was split in two"


def test_the_scores_have_our_names() -> None:
    tasks = {"single_object", "two_object", "counting", "colors", "position", "color_attr", "overall"}
    assert GenEval.weights(cast(Any, None)) is None, "equal, as in the published tables"
    groups = {*TIERS, "designer", "overall"}
    assert set(group_scores({"real_world": 1.0, "numeracy": 1.0, "text": 1.0})) >= {"designer", "basic", "advanced"}
    for row in published_rows():
        assert set(row.scores) - COSTS <= (tasks if row.benchmark == "geneval" else groups)


@pytest.mark.parametrize(
    ("method", "scores"),
    [
        ("Janus-Pro-7B", (0.99, 0.89, 0.59, 0.90, 0.79, 0.66, 0.80)),
        ("Show-o", (0.95, 0.52, 0.49, 0.82, 0.11, 0.28, 0.53)),
        ("LlamaGen 0.8B", (0.71, 0.34, 0.21, 0.58, 0.07, 0.04, 0.32)),
    ],
)
def test_overall_is_the_mean_of_the_six_tasks(method: str, scores: tuple[float, ...]) -> None:
    """What a slip of the pen would break."""
    (row,) = (row for row in published_rows() if row.method == method and row.benchmark == "geneval")
    assert tuple(figure.value for figure in row.scores.values()) == scores
    assert sum(scores[:-1]) / 6 == pytest.approx(scores[-1], abs=0.011)


def test_beside_ours() -> None:
    table = ReportTable(
        "TIIF", ["model m"], ["strategy", "reward", "N", "overall", "against a"], [["a", "", "1", Figure(0.4, 0.1), ""]]
    )
    told = with_published(table, [fake("tiif", basic=0.5)])
    assert told.head == ["strategy", "reward", "N", "basic", "overall", "against a"]
    assert told.rows[0] == ["a", "", "1", Figure(0.5), Figure(0.4, 0.1), ""]
    name = f"{MARK}: LlamaGen, ScalingAR (ScalingAR, Table 1)"
    best = next(row for row in told.rows if row[0] == name)
    assert best == [name, "", "8", Figure(57.36 / 100, decimals=4), Figure(46.47 / 100, decimals=4), None]
    assert all(str(row[0]).startswith(MARK) for row in told.rows[1:])
    assert any("were run by others" in note for note in told.notes)


def test_costs_stand_in_their_own_columns() -> None:
    head = ["strategy", "reward", "N", "overall", "against a", "tokens/image", "s/image"]
    mine: list[Cell] = ["a", "", "1", Figure(0.4, 0.1), "", Figure(144.0, decimals=0), Figure(0.5, decimals=2)]
    told = with_published(ReportTable("GenEval", [], head, [mine]), [fake("geneval")])
    by_name = {str(row[0]): row[-2:] for row in told.rows}
    name = f"{MARK}: LlamaGen, ScalingAR (ScalingAR, Table 1)"
    assert by_name[name] == [Figure(2350.0, decimals=0), Figure(69.6, decimals=1)]
    assert by_name[f"{MARK}: Show-o (table of the Janus papers, GenEval)"] == [None, None]
    assert any("on an H200" in note for note in told.notes)


def test_rows_of_papers_carry_no_model_of_ours() -> None:
    table = ReportTable("TIIF", ["model m"], ["strategy", "overall"], [["a", Figure(0.4, 0.1)], ["b", Figure(0.5)]])
    head, *rows = csv.reader(io.StringIO(comma_separated(with_published(table, [fake("tiif"), fake("tiif")]))))
    by_method = {row[head.index("strategy")]: row[head.index("model")] for row in rows}
    assert [by_method.pop("a"), by_method.pop("b")] == ["m", "m"]
    assert len(by_method) > 10
    assert set(by_method.values()) == {""}


def test_a_benchmark_without_any() -> None:
    table = ReportTable("x", [], ["strategy", "overall"], [])
    with pytest.raises(BenchmarkError, match=r"no published figures of ipv-txt are known, only of geneval, tiif"):
        with_published(table, [fake("ipv-txt")])
