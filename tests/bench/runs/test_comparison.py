"""Which runs may stand side by side: of names that tell them apart, and judged by the same rule."""

from pathlib import Path
from typing import Any

import pytest

from scalingar.bench.runs.comparison import compare
from scalingar.bench.runs.results import RunResults, read_results
from scalingar.core.errors import BenchmarkError
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, plan, runner_of
from tests.tiny.pipes import tiny_pipe


def results(folder: Path, **changes: Any) -> RunResults:
    pipe = tiny_pipe()
    run = runner_of(pipe, Bright(), plan(pipe, "single", **changes), folder)
    finish(run)
    return read_results(folder, run.benchmark)


def test_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    one, two = results(tmp_path / "a" / "single"), results(tmp_path / "b" / "single")
    with pytest.raises(BenchmarkError, match=r"two runs are called single, .*a/single and .*b/single; rename"):
        compare([one, two])
    with pytest.raises(BenchmarkError, match=r"the run .*a/single is given twice; leave one of them out"):
        compare([one, one])


def test_runs_judged_by_different_rules_are_refused(tmp_path: Path) -> None:
    usual, strict = results(tmp_path / "usual"), results(tmp_path / "strict", settings={"rule": {"threshold": 0.9}})
    with pytest.raises(BenchmarkError, match=r"usual: rule.threshold is 0.9 there and left at its default here"):
        compare([usual, strict])
    with pytest.raises(BenchmarkError, match=r"rule.threshold is left at its default there and 0.9 here"):
        compare([usual, strict], "strict")


def test_settings_that_change_no_verdict_may_differ(tmp_path: Path) -> None:
    asked = [{"model": "m", "timeout": seconds} for seconds in (60, 300)]
    runs = [results(tmp_path / str(judge["timeout"]), settings={"judge": judge}) for judge in asked]
    assert set(compare(runs).differences) == {"300"}
