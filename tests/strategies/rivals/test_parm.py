"""PARM's choice: the best finished image of those whose prefix had potential."""

import pytest

from scalingar.strategies import Parm
from scalingar.strategies.search import Pick
from tests.strategies.rivals.by_hand import RASTER, candidate, images, step


@pytest.mark.parametrize(
    ("threshold", "prefixes", "rewards", "picked"),
    [
        (0.0, [1, -1, 2, -2], [1, 9, 3, 8], 2),  # 0 and 2 have potential
        (0.0, [-4, -1, -2, -3], [9, 1, 8, 7], 1),  # none has: whose "no" was least sure
        (None, [1, -1, 2, -2], [1, 9, 3, 8], 2),  # the better half
        (None, [1, 5, 2, -2], [4, 3, 9, 8], 2),
    ],
)
def test_worked_by_hand(threshold: float | None, prefixes: list[float], rewards: list[float], picked: int) -> None:
    search = Parm(num_trajectories=4, threshold=threshold).search(RASTER)
    assert search.before_draw(step(4, prefixes)) is None
    decision = search.before_draw(step(8, prefixes))
    assert decision is not None
    assert decision.rows.tolist() == [0, 1, 2, 3]
    assert search.when_done(images(rewards, [candidate(index) for index in range(4)])) == Pick(picked)
