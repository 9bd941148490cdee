"""A studio over the tiny models, and a browser that opens it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from scalingar.bench.benchmark import BENCHMARKS
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, plan, runner_of
from tests.browser.chromium import MISSING, Visit, chromium, started, visit
from tests.serve.running import Running, running
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium() is None:
        pytest.exit(MISSING, returncode=1)
    with started() as browser:
        yield browser


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two runs, of which one is right about everything and the other about nothing."""
    folder = tmp_path_factory.mktemp("runs")
    pipe = tiny_pipe()
    for strategy, threshold in (("single", 255.0), ("scaling-ar", 0.0)):
        finish(runner_of(pipe, Bright(threshold), plan(pipe, strategy), folder / strategy))
    with BENCHMARKS.temporarily("bright", Bright):
        yield folder


@pytest.fixture(scope="session")
def served(runs: Path) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch, running(patch, studio=True, runs=runs) as server:
        yield server


@pytest.fixture(scope="session")
def served_by_scale() -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch, running(patch, infinity_pipe(), studio=True) as server:
        yield server


@pytest.fixture
def at(browser: Browser, served: Running) -> Iterator[Visit]:
    """The studio of the next-token model, on a desk."""
    with visit(browser, served.page) as visited:
        yield visited
    assert visited.faults == []
