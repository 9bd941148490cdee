import numpy as np
import pytest
from scipy.stats import f_oneway

from scalingar.analysis.prefixes.decided import ceiling, decided, mean_squares, pairs_by_others
from tests.analysis.prefixes.normal import normal_rewards

BY_HAND = np.array([[[1.0, 3.0], [5.0, 7.0]], [[0.0, 0.0], [0.0, 2.0]]])
"""Two prompts, two prefixes, two completions."""


def test_mean_squares_by_hand_and_by_scipy() -> None:
    between, within = mean_squares(BY_HAND)
    assert between.tolist() == [16.0, 1.0]
    assert within.tolist() == [2.0, 1.0]
    rewards = normal_rewards(0.3, prompts=3, prefixes=5)
    between, within = mean_squares(rewards)
    np.testing.assert_allclose(between / within, [f_oneway(*prompt).statistic for prompt in rewards])


def test_the_share_that_is_decided_by_hand() -> None:
    found = decided(BY_HAND)
    assert found.rho is not None
    assert found.rho.value == pytest.approx((8.5 - 1.5) / (8.5 + 1.5))
    assert found.spread == pytest.approx(np.sqrt((8.5 + 1.5) / 2))


@pytest.mark.parametrize("rho", [0.0, 0.2, 0.7])
def test_a_known_share_is_found(rho: float) -> None:
    found = decided(normal_rewards(rho))
    assert found.rho is not None
    assert found.ceiling is not None
    assert found.by_others is not None
    assert found.by_others_if_normal is not None
    assert found.rho.low <= rho <= found.rho.high
    assert found.rho.high - found.rho.low < 0.12
    assert found.spread == pytest.approx(1, abs=0.05)
    assert found.by_others.low <= found.by_others_if_normal <= found.by_others.high
    assert found.by_others.value <= found.ceiling.high


def test_the_ceiling_is_what_a_perfect_value_orders() -> None:
    rng = np.random.default_rng(0)
    means = np.sqrt(0.4) * rng.standard_normal((200_000, 2))
    rewards = means + np.sqrt(0.6) * rng.standard_normal((200_000, 2))
    right = (np.sign(np.diff(means)) == np.sign(np.diff(rewards))).mean()
    assert float(ceiling(np.array([0.4]))[0]) == pytest.approx(right, abs=0.004)
    assert ceiling(np.array([-0.1, 0.0, 1.0])).tolist() == [0.5, 0.5, 1.0]


def test_pairs_ordered_by_other_completions_by_hand() -> None:
    """Of the second prompt only the completion of 2 differs from others, and its prefix's other one is a 0 as they."""
    assert pairs_by_others(BY_HAND).tolist() == [1.0, 0.5]
    turned = np.array([[[0.0, 3.0], [1.0, 2.0]]])  # others: 3, 0 and 2, 1; pairs 0-1, 0-2, 3-1, 3-2
    assert pairs_by_others(turned).tolist() == [0.0]
    assert pairs_by_others(np.ones((2, 3, 2))).tolist() == []


def test_a_reward_that_never_varies_decides_nothing() -> None:
    found = decided(np.ones((3, 2, 2)))
    assert (found.rho, found.ceiling, found.by_others, found.by_others_if_normal) == (None, None, None, None)
