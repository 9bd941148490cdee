"""GridAR: rejected strips are replaced by accepted ones of their group of four."""

import numpy as np
import pytest

from scalingar.core.errors import ConfigError
from scalingar.strategies import BestOfN, GridAR
from scalingar.strategies.rivals.gridar import replaced
from scalingar.strategies.strategy import check_serves
from tests.strategies.rivals.by_hand import RASTER, Told, step
from tests.tiny.pipes import PROMPT, tiny_pipe


@pytest.mark.parametrize(
    ("possible", "rows"),
    [
        ([1, 1, 1, 1], [4, 5, 6, 7]),
        ([0, 1, 0, 0], [5, 5, 5, 5]),
        ([0, 1, 0, 1], [5, 5, 7, 7]),
        ([0, 0, 1, 0], [6, 6, 6, 6]),
        ([1, 0, 1, 0], [4, 4, 6, 6]),
        ([0, 0, 0, 0], [4, 5, 6, 7]),
    ],
)
def test_a_group_worked_by_hand(possible: list[int], rows: list[int]) -> None:
    assert replaced(np.arange(4, 8), np.array(possible, bool)).tolist() == rows


def test_a_threshold_judges_each_strip_alone() -> None:
    """Two groups: of 1, -1, -1, 2 the second and third are replaced by 0 and 3; all of the other group are rejected."""
    search = GridAR(num_trajectories=6, threshold=0).search(RASTER)
    decision = search.before_draw(step(4, [1, -1, -1, 2, -5, -6]))
    assert decision is not None
    assert decision.rows.tolist() == [0, 0, 3, 3, 4, 5]
    assert decision.reasons[1:3] == ["its strip was rejected"] * 2


def test_without_a_threshold_the_better_half_of_each_group_is_possible() -> None:
    search = GridAR(num_trajectories=5).search(RASTER)
    assert search.before_draw(step(5, [1, 2, 3, 4, 0])) is None
    decision = search.before_draw(step(8, [1, 2, 3, 4, 0]))
    assert decision is not None
    assert decision.rows.tolist() == [2, 3, 2, 3, 4]


def test_strips_are_shown_as_asked() -> None:
    looks = Told(lambda one: float(len(one.codes)))
    GridAR(fill="repeat").search(RASTER).before_draw(step(4, codes=[[1, 2, 3, 4]], looks=looks))
    GridAR(fill="grey").search(RASTER).before_draw(step(4, codes=[[1, 2, 3, 4]], looks=looks))
    assert looks.seen == [[1, 2, 3, 4] * 4, [1, 2, 3, 4]]


def test_nothing_is_possible_and_nothing_changes() -> None:
    pipe = tiny_pipe()
    none = pipe(PROMPT, strategy=GridAR(num_trajectories=4, threshold=1e9, reward="log-likelihood"), seed=2)
    best = pipe(PROMPT, strategy=BestOfN(num_trajectories=4, reward="log-likelihood"), seed=2)
    assert none.results[0].chosen == best.results[0].chosen
    assert none.ledger.tokens == best.ledger.tokens


def test_scales_have_no_strips() -> None:
    with pytest.raises(ConfigError, match="the strategy gridar is for next-token models, and this model is next-scale"):
        check_serves(GridAR(), "next-scale")
