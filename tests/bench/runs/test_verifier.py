"""A run knows its verifier by content: another head is another run, another place of the same one is not."""

import shutil
from pathlib import Path

import pytest

from scalingar.bench.runs.comparison import compare
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.results import read_results
from scalingar.bench.runs.runner import Runner
from scalingar.bench.runs.shard import Workbench
from scalingar.core.errors import BenchmarkError
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies import VerifierOfN
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, plan, runner_of
from tests.tiny.pipes import tiny_pipe
from tests.tiny.verifiers import random_verifier, retrain


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a verifier."""
    random_verifier(32, 16).save(tmp_path / "verifier")
    return tmp_path / "verifier"


def runner(verifier: Path, output: Path) -> Runner:
    """A run as the command line plans it."""
    pipe = tiny_pipe()
    return runner_of(pipe, Bright(), planned(Workbench(pipe, Bright()), verifier), output)


def planned(bench: Workbench, verifier: Path) -> RunPlan:
    found = bench.prepare(Recipe(strategy=VerifierOfN(num_trajectories=2, verifier=str(verifier))))
    return plan(bench.pipe, recipe=found.recipe, weights=found.weights, device_kind=found.device_kind)


def test_a_retrained_verifier_makes_another_run(folder: Path, tmp_path: Path) -> None:
    steps = runner(folder, tmp_path / "run").run()
    assert [next(steps).images, next(steps).images] == [0, 4]
    del steps
    moved = shutil.copytree(folder, tmp_path / "moved")
    retrain(folder)
    with pytest.raises(BenchmarkError, match=r"holds another run \(weights.verifier: '\w+' there, '\w+' here\)"):
        finish(runner(folder, tmp_path / "run"))
    assert finish(runner(moved, tmp_path / "run")) == [4, 8, 10]


def test_a_worker_with_another_verifier_is_refused(folder: Path) -> None:
    bench = Workbench(tiny_pipe(), Bright())
    chart = planned(bench, folder).model_copy(update={"provenance": dict(Bright().provenance)})
    bench.check_fits(chart, "here")
    retrain(folder)
    with pytest.raises(BenchmarkError, match="here would compute other bytes: weights is"):
        bench.check_fits(chart, "here")


def test_a_verifier_that_is_trained_again_under_way_ends_the_run(folder: Path, tmp_path: Path) -> None:
    steps = runner(folder, tmp_path / "run").run()
    assert next(steps).images == 0
    retrain(folder)
    with pytest.raises(BenchmarkError, match="the verifier was trained again while the run was under way"):
        list(steps)


def test_runs_with_and_without_a_verifier_are_compared(folder: Path, tmp_path: Path) -> None:
    """They are of one model."""
    pipe, benchmark = tiny_pipe(), Bright()
    finish(runner(folder, tmp_path / "verified"))
    finish(runner_of(pipe, benchmark, plan(pipe, "single"), tmp_path / "single"))
    runs = [read_results(tmp_path / name, benchmark) for name in ("verified", "single")]
    assert set(compare(runs).differences) == {runs[1].name}
