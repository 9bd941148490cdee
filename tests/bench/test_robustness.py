"""Drops of strategies, from two folders of runs."""

from dataclasses import replace
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


def test_strategies_judged_by_different_rules_are_refused(runs: dict[str, RunResults], tmp_path: Path) -> None:
    strict = results(tmp_path / "strict", "single", 0.0, settings={"rule": {"threshold": 0.9}})
    pairs = [[runs[name], replace(strict, plan=runs[name].plan)] for name in ("easy", "hard")]
    with pytest.raises(BenchmarkError, match=r"rule.threshold is 0.9 there and left at its default here"):
        robustness([runs["easy"], strict], pairs[1])
    with pytest.raises(BenchmarkError, match="two runs are called single"):
        robustness(pairs[0], [runs["hard"], replace(runs["hard"], folder=tmp_path / "single")])


def test_a_single_prompt_gives_a_drop_and_no_interval(tmp_path: Path) -> None:
    pair = [results(tmp_path / name / "single", "single", at, limit=1) for name, at in (("easy", 0.0), ("hard", 255.0))]
    assert drop_table(robustness(pair[:1], pair[1:])).splitlines()[2] == "| single | 1.000 | 0.000 | 100.0 % |  |  |"
