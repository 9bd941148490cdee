"""Workers of ray: the bytes of a run in one process, whoever is killed. One cluster of two CPUs for all tests."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scalingar.bench.runs.executors.ray_cluster import cluster
from scalingar.bench.runs.executors.ray_workers import RayWorkers, WorkerWarning
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.runner import Runner
from scalingar.bench.runs.shard import Shard, Task, Workbench
from scalingar.bench.runs.store import RunStore
from scalingar.core.errors import BenchmarkError, ConfigError, WeightsError
from scalingar.pipeline.recipe import Recipe
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, plan, runner, written
from tests.tiny.pipes import tiny_pipe


def tiny() -> Workbench:
    return Workbench(tiny_pipe(), Bright())


class DiesOnce(Workbench):
    """Its process is killed, as by ``kill -9``, at the first shard that finds a file."""

    file: Path

    def compute(self, plan: RunPlan, task: Task, stopped: Callable[[], bool] = lambda: False) -> Shard:
        if self.file.exists():
            self.file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().compute(plan, task, stopped)


class Dying:
    """Makes a :class:`DiesOnce`."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self) -> Workbench:
        bench = DiesOnce(tiny_pipe(), Bright())
        bench.file = self.file
        return bench


def without_weights() -> Workbench:
    raise WeightsError("there are no weights.")


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    before = dict(os.environ)
    with cluster(None, cpus=2):
        assert dict(os.environ) == before, "ray's variables are its own"
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    finish(runner(folder))
    return written(folder)


def ray_runner(folder: Path, make: Callable[[], Workbench] = tiny, **changes: Any) -> Runner:
    return Runner(RayWorkers(make, 2, 1), Bright(), plan(tiny_pipe(), **changes), RunStore(folder))


def test_a_run_has_the_bytes_of_one_in_one_process_and_goes_on_where_it_was_stopped(
    whole: dict[str, bytes], tmp_path: Path
) -> None:
    stopped = ray_runner(tmp_path).run()
    assert [next(stopped).images, next(stopped).images] == [0, 4]
    del stopped
    run = ray_runner(tmp_path)
    assert finish(run) == [4, 8, 10]
    assert written(tmp_path) == whole
    assert [line["workers"] for line in run.store.costs()] == [2, 2, 2]


def test_a_worker_that_is_killed_is_replaced_and_its_shard_done_again(whole: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "die").touch()
    run = ray_runner(tmp_path / "run", Dying(tmp_path / "die"))
    with pytest.warns(WorkerWarning, match="a worker of ray was lost"):
        assert finish(run) == [0, 4, 8, 10]
    assert not (tmp_path / "die").exists()
    assert written(tmp_path / "run") == whole


def test_errors_of_workers_are_those_of_this_process(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"^there are no weights\.$"):
        RayWorkers(without_weights, 1, 1).prepare(Recipe())
    with pytest.raises(BenchmarkError, match=r"device_kind is '.+' there and 'another' in the plan"):
        finish(ray_runner(tmp_path, device_kind="another"))


def test_an_address_where_no_ray_is_is_told() -> None:
    from scalingar.bench.runs.executors.ray_cluster import _check_answers

    with pytest.raises(ConfigError, match=r"write HOST:PORT"):
        _check_answers("somewhere")
