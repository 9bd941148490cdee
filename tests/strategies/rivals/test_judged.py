"""Where the rivals' checks lie."""

from typing import Any

import pytest

from scalingar.core.errors import ConfigError
from scalingar.strategies import FRTTS, Beam, GridAR, Lookahead, Parm, ScaleBeam
from scalingar.strategies.rivals.judged import steps_at
from scalingar.strategies.setting import Setting
from tests.strategies.rivals.by_hand import RASTER

TEN = Setting((10, 10), 1.0, seed=0, scales=tuple((side, side) for side in range(1, 11)))


def test_shares_are_rounded_up() -> None:
    assert steps_at((0.25, 0.26, 0.3, 0.9), TEN) == [3, 9]


@pytest.mark.parametrize(
    "strategy",
    [
        Parm(clear=0.95),
        Beam(checks=(0.5, 0.95)),
        Lookahead(checks=(0.95,)),
        ScaleBeam(checks=(0.95,)),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_a_check_when_all_is_drawn_is_refused(strategy: Any) -> None:
    told = r"has 10 scales, so that a check after 0.95 of them comes when all are drawn; give at most 0.9\."
    with pytest.raises(ConfigError, match=told):
        strategy.search(TEN)


@pytest.mark.parametrize("kind", [FRTTS, GridAR])
def test_of_codes_too(kind: Any) -> None:
    with pytest.raises(ConfigError, match=r"has 16 steps, so that a check after 0\.95 of them"):
        kind(checks=(0.5, 0.95)).search(RASTER)


def test_usual_checks_of_few_codes_are_all_but_the_last() -> None:
    assert Lookahead().steps_of_checks(Setting((2, 2), 1.0, seed=0)) == [1, 2, 3]
