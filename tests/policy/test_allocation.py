"""Who gets one more: by hand, against NumPy restatements, and the budget kept."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalingar.core.errors import ConfigError
from scalingar.policy.allocation import AllocationRule, expected_excess

values = st.lists(st.floats(-5, 5), min_size=1, max_size=12)


def table(images: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(images, n)) * 2


@given(values, values)
def test_the_expected_excess_is_a_mean(best: list[float], pool: list[float]) -> None:
    wanted = [np.mean([max(reward - own, 0) for reward in pool]) for own in best]
    assert expected_excess(np.array(best), np.array(pool)) == pytest.approx(wanted, abs=1e-9)


def test_by_hand() -> None:
    # Bests 0, 1 and 2 of a pool of 0, 1 and 2: excesses (1 + 2)/3, 1/3 and 0. With a = 1 and one draw each, half of it.
    rule = AllocationRule(budget=2, prior=1, share=0.3)
    assert rule.next_round([[0.0], [1.0], [2.0]], [1, 1, 1], most=8).tolist() == [1, 0, 0]
    # The first drew twice more in vain: 1 · 1/(1 + 3) is below 1/3 · 1/(1 + 1) no longer, at 1/4 against 1/6.
    assert rule.next_round([[0.0, -1.0, -1.0], [1.0], [2.0]], [3, 1, 1], most=8).tolist() == [1, 0, 0]
    # After five it is: 1/(1 + 6) = 1/7.
    five = [[0.0, *[-1.0] * 5], [1.0], [2.0]]
    assert AllocationRule(budget=8, prior=1, share=0.3).next_round(five, [6, 1, 1], most=8).tolist() == [0, 1, 0]


def test_who_has_all_gets_no_more_and_equals_go_to_those_with_fewest() -> None:
    rule = AllocationRule(budget=3, share=0.5)
    assert rule.next_round([[0.0, -1.0], [1.0]], [2, 1], most=2).tolist() == [0, 1]
    same = AllocationRule(budget=3, share=0.1).next_round([[1.0, 0.0], [1.0]], [2, 1], most=4)
    assert same.tolist() == [0, 1]


@given(st.integers(1, 9), st.integers(1, 6), st.floats(1, 6), st.floats(0.05, 1), st.integers(0, 50))
def test_the_budget_is_spent_to_the_last(images: int, n: int, budget: float, share: float, seed: int) -> None:
    taken = AllocationRule(budget=budget, share=share).taken(table(images, n, seed))
    assert taken.sum() == min(int(budget * images + 1e-9), images * n)
    assert taken.min() >= 1
    assert taken.max() <= n


@given(st.integers(1, 9), st.integers(2, 6), st.integers(1, 2), st.floats(2, 6), st.integers(0, 50))
def test_round_by_round_it_draws_what_it_takes_of_known_rewards(
    images: int, n: int, first: int, budget: float, seed: int
) -> None:
    rule, rewards = AllocationRule(first=first, budget=budget), table(images, n, seed)
    drawn = np.full(images, first)
    while (
        more := rule.next_round([row[:k].tolist() for row, k in zip(rewards, drawn, strict=True)], drawn.tolist(), n)
    ).any():
        drawn += more
    assert drawn.tolist() == rule.taken(rewards).tolist()


def test_a_larger_budget_never_takes_from_an_image() -> None:
    rewards = table(20, 8)
    counts = [AllocationRule(budget=budget, share=0.05).taken(rewards) for budget in (1, 2, 4, 6)]
    assert all((few <= many).all() for few, many in pairwise(counts))


def test_an_image_alone_gets_the_budget() -> None:
    assert AllocationRule(budget=5).taken(table(1, 8)).tolist() == [5]
    assert AllocationRule().taken(table(1, 8)).tolist() == [4]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": 0.5}, "a budget of 0.5 trajectories per image is smaller than the first 1 of each"),
        ({"budget": 2, "first": 3}, "a budget of 2 trajectories per image is smaller than the first 3 of each"),
        ({"budget": 0}, "budget=0: must be > 0"),
        ({"prior": 0}, "prior=0: must be > 0"),
        ({"share": 0}, "share=0: must be > 0"),
        ({"share": 1.5}, "share=1.5: must be <= 1"),
        ({"budget": float("inf")}, "finite number"),
    ],
)
def test_wrong_rules_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AllocationRule.model_validate(settings)
