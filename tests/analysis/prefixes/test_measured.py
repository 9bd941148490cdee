import numpy as np
import pytest

from scalingar.analysis.prefixes.measured import completed_against_complete, gain_of_half, gain_of_some
from scalingar.analysis.prefixes.spending import expected_best
from tests.analysis.prefixes.normal import normal_rewards

PAIR = np.array([[[1.0, 3.0], [5.0, 7.0]]] * 2)
"""Means 4, the best of both 5 and 7: a gain of 2."""


def value_of(found: object) -> float:
    assert hasattr(found, "value")
    return float(found.value)


def test_half_of_the_prefixes_by_hand() -> None:
    assert value_of(gain_of_half(PAIR)) == 1.0
    misled = np.array([[[0.0, 3.0], [1.0, 2.0]]] * 2)  # the others say 3 > 2 for 0 and 1, and 0 < 1 for 3 and 2
    assert value_of(gain_of_half(misled)) == pytest.approx((1.0 - 1.5) / (2.0 - 1.5))
    assert gain_of_half(np.ones((2, 2, 2))) is None


def test_some_of_the_images_by_hand() -> None:
    rewards = np.array([[[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]]] * 2)  # means 7/3; of two 2, 4 and 4
    assert value_of(gain_of_some(rewards, 1)) == pytest.approx(0.0)
    assert value_of(gain_of_some(rewards, 2)) == pytest.approx((10 / 3 - 7 / 3) / (4 - 7 / 3))
    assert value_of(gain_of_some(rewards, 1.5)) == pytest.approx(value_of(gain_of_some(rewards, 2)) / 2)
    assert value_of(gain_of_some(rewards, 3)) == 1.0


@pytest.mark.parametrize("rho", [0.1, 0.8])
def test_completions_of_one_prefix_against_images(rho: float) -> None:
    """Of normal rewards: √(1 − ρ) E max of 4 against E max of 2.5, which cost as much after half an image."""
    best = expected_best()
    expected = np.sqrt(1 - rho) * best[3] - (best[1] + best[2]) / 2
    found = completed_against_complete(normal_rewards(rho), 0.5)
    assert found is not None
    assert found.low <= expected <= found.high
    assert found.high - found.low < 0.15


def test_more_images_than_there_are_prefixes_are_not_compared() -> None:
    assert completed_against_complete(normal_rewards(0.5, prompts=3, prefixes=2), 0.25) is None
    assert completed_against_complete(np.ones((3, 4, 4)), 0.25) is None
