"""Waves until a reward is good enough, or rises no more."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalingar.policy.stopping import StoppingRule

rewards = st.lists(st.floats(-5, 5), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("rule", "taken"),
    [
        ({}, 6),
        ({"threshold": 3.0}, 4),
        ({"threshold": 2.0}, 2),
        ({"threshold": 9.0}, 6),
        ({"threshold": 3.0, "wave": 3}, 6),
        ({"threshold": 2.0, "wave": 3}, 3),
        ({"patience": 1}, 3),  # 1, then 2, then no rise
        ({"patience": 2}, 6),  # 3 rises again after one without
        ({"patience": 2, "wave": 2}, 6),
        ({"patience": 1, "threshold": 2.0}, 2),
    ],
)
def test_by_hand(rule: dict[str, float], taken: int) -> None:
    values = np.array([[1.0, 2.0, 1.5, 3.0, 3.0, 2.5], [9.0] * 6])
    assert StoppingRule.model_validate(rule).taken(values)[0] == taken


@given(rewards, st.integers(1, 5), st.one_of(st.none(), st.floats(-5, 5)), st.one_of(st.none(), st.integers(1, 4)))
def test_it_stops_at_the_first_wave_that_allows_it(
    values: list[float], wave: int, threshold: float | None, patience: int | None
) -> None:
    rule = StoppingRule(wave=wave, threshold=threshold, patience=patience)
    ends = sorted({*range(wave, len(values), wave), len(values)})

    def stops(drawn: int) -> bool:
        seen = values[:drawn]
        stuck = patience is not None and patience < drawn and max(seen[:-patience]) >= max(seen)
        return stuck or (threshold is not None and max(seen) >= threshold)

    assert rule.taken(np.array([values]))[0] == next((end for end in ends if stops(end)), len(values))


@given(rewards, st.integers(1, 5), st.one_of(st.none(), st.floats(-5, 5)), st.one_of(st.none(), st.integers(1, 4)))
def test_wave_by_wave_it_draws_what_it_takes_of_known_rewards(
    values: list[float], wave: int, threshold: float | None, patience: int | None
) -> None:
    rule, drawn = StoppingRule(wave=wave, threshold=threshold, patience=patience), 0
    while more := rule.next_wave(values[:drawn], len(values)):
        drawn += more
    assert drawn == rule.taken(np.array([values]))[0]


@given(rewards)
def test_a_higher_threshold_never_draws_fewer(values: list[float]) -> None:
    counts = [StoppingRule(threshold=threshold).taken(np.array([values]))[0] for threshold in range(-6, 7)]
    assert all(first <= second for first, second in pairwise(counts))
