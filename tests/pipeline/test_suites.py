"""The suites that are shipped can be read, and fit the models they are for."""

from pathlib import Path

import pytest

from scalingar.bench.runs.suite import read_suite
from scalingar.strategies.setting import Setting

SUITES = sorted((Path(__file__).parents[2] / "recipes" / "suites").glob("*.yaml"))
SIDES = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12)
"""As many scales as the embedded next-scale model has."""


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_every_strategy_of_a_suite_makes_a_search(path: Path) -> None:
    scales = tuple((side, side) for side in SIDES) if "tts-var" in path.stem or "next-scale" in path.stem else ()
    suite = read_suite(path)
    assert len(suite) > 1
    for strategy in suite.values():
        search = strategy.search(Setting((12, 12), 2.0, 0, scales, 1024))
        assert search.starts >= 1
