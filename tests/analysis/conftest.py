import pytest

from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.strategies.build_strategy import build_strategy
from tests.analysis.made_up_runs import decode


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> CompleteRun:
    """Four trajectories of the tiny pipeline for ten images, all finished and judged."""
    folder = tmp_path_factory.mktemp("runs") / "complete"
    strategy = build_strategy({"name": "random-of-n", "num_trajectories": 4, "profile": {"block_size": 2}})
    return CompleteRun.read(decode(folder, strategy))
