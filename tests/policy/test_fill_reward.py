"""FR-TTS's search for a filling, with rewards that a test names."""

from collections.abc import Sequence

import numpy as np
import pytest

from scalingar.core.errors import ConfigError
from scalingar.policy.fill_reward import FillSearch


class Counted:
    """The reward of a filling is how often it takes the last drawn block."""

    def __init__(self, last: int) -> None:
        self.last, self.calls = last, 0

    def __call__(self, fillings: Sequence[np.ndarray]) -> np.ndarray:
        self.calls += len(fillings)
        return np.array([float((filling == self.last).sum()) for filling in fillings])


def test_the_best_of_the_first_fillings() -> None:
    rate = Counted(2)
    search = FillSearch(fillings=4, rounds=0)
    generator = np.random.default_rng(1)
    found = search.best(rate, drawn=3, missing=5, generator=generator)
    again = np.random.default_rng(1)
    assert found == max(float((again.integers(3, size=5) == 2).sum()) for _ in range(4))
    assert rate.calls == 4


def test_local_search_only_improves_and_gives_up() -> None:
    for seed in range(10):
        rate = Counted(2)
        found = FillSearch().best(rate, drawn=3, missing=8, generator=np.random.default_rng(seed))
        first = FillSearch(rounds=0).best(Counted(2), drawn=3, missing=8, generator=np.random.default_rng(seed))
        assert found >= first
        assert 5 + 2 * 2 <= rate.calls <= 5 + 5 * 2 or found > first


@pytest.mark.parametrize("setting", ["fillings", "rounds", "tries"])
def test_nobody_asks_for_fillings_without_end(setting: str) -> None:
    with pytest.raises(ConfigError, match=setting):
        FillSearch.model_validate({setting: 1000})


def test_two_idle_rounds_end_it() -> None:
    rate = Counted(-1)  # nothing is ever better
    assert FillSearch().best(rate, drawn=3, missing=8, generator=np.random.default_rng(0)) == 0
    assert rate.calls == 5 + 2 * 2


@pytest.mark.parametrize(("missing", "changed"), [(1, 1), (2, 1), (8, 2), (16, 4)])
def test_a_change_draws_a_quarter_of_the_missing_blocks_anew(missing: int, changed: int) -> None:
    """Of so many drawn blocks that none is drawn twice; each trial is compared with the only filling before it."""
    seen: list[np.ndarray] = []

    def rate(fillings: Sequence[np.ndarray]) -> np.ndarray:
        seen.extend(fillings)
        return np.zeros(len(fillings))

    for seed in range(10):
        seen.clear()
        FillSearch(fillings=1).best(rate, drawn=10**9, missing=missing, generator=np.random.default_rng(seed))
        first, *trials = seen
        assert [int((trial != first).sum()) for trial in trials] == [changed] * 4
