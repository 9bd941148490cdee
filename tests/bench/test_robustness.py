"""Drops of strategies, from two folders of runs."""

from pathlib import Path
from typing import Any

import pytest

from scalingar.bench.robustness import drop_table, robustness
from scalingar.bench.runs.results import RunResults, read_results
from scalingar.core.errors import BenchmarkError
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, plan, runner_of
from tests.tiny.pipes import tiny_pipe


def results(folder: Path, strategy: str, threshold: float, **changes: Any) -> RunResults:
    pipe = tiny_pipe()
    run = runner_of(pipe, Bright(threshold), plan(pipe, strategy, **changes), folder)
    finish(run)
    return read_results(folder, run.benchmark)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunResults]:
    home = tmp_path_factory.mktemp("runs")
    return {
        "easy": results(home / "easy" / "single", "single", 0.0),
        "hard": results(home / "hard" / "single", "single", 255.0),
        "other": results(home / "other" / "single", "scaling-ar", 255.0),
    }


def test_a_table(runs: dict[str, RunResults]) -> None:
    found = robustness([runs["easy"]], [runs["hard"]])
    assert (found["single"].ordinary, found["single"].hard, found["single"].drop.value) == (1.0, 0.0, 1.0)
    assert drop_table(found).splitlines()[2] == "| single | 1.000 | 0.000 | 100.0 % [100.0, 100.0] |  |  |"


def test_runs_that_make_no_drop_are_refused(runs: dict[str, RunResults]) -> None:
    with pytest.raises(BenchmarkError, match="differ in strategy"):
        robustness([runs["easy"]], [runs["other"]])
    with pytest.raises(BenchmarkError, match="the baseline 'best' is none of the runs single"):
        robustness([runs["easy"]], [runs["hard"]], "best")
    with pytest.raises(BenchmarkError, match="single was run on one kind of prompts only"):
        robustness([runs["easy"]], [])
