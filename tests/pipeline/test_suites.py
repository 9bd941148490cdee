"""The suites that are shipped can be read, and fit the models they are for."""

import pytest

from scalingar.bench.runs.suite import read_suite
from scalingar.pipeline.recipes.shipped import SUITES
from scalingar.strategies.setting import Setting

SIDES = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12)
"""As many scales as the embedded next-scale model has."""


@pytest.mark.parametrize("name", [name for name in SUITES if "/" not in name])
def test_every_strategy_of_a_suite_makes_a_search(name: str) -> None:
    scales = tuple((side, side) for side in SIDES) if "tts-var" in name or "next-scale" in name else ()
    suite = read_suite(name)
    assert len(suite) > 1
    for strategy in suite.values():
        search = strategy.search(Setting((12, 12), 2.0, 0, scales, 1024))
        assert search.starts >= 1
