"""A studio over the tiny models, and a browser that opens it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import MISSING, Visit, chromium, started, visit
from tests.serve.running import Running, running
from tests.serve.studio.made import right_and_wrong
from tests.tiny.scale_pipes import infinity_pipe


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium() is None:
        pytest.exit(MISSING, returncode=1)
    with started() as browser:
        yield browser


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with right_and_wrong(tmp_path_factory.mktemp("runs")) as folder:
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
