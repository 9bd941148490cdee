import numpy as np
import pytest

from scalingar.analysis.prefixes.measured import gain_of_half, gain_of_redrawing, gain_of_some
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


def test_redrawing_by_hand() -> None:
    """The best of one image is drawn again from its prefix, or the other prefix is a new image; prefixes of 3 in 4."""
    rewards = np.array([[[0.0, 2.0], [1.0, 5.0]]] * 2)
    redrawn = (2 + 0 + 4 + 0) / 4  # 0 → 2, 2 → 0, 1 → 5, 5 → 1
    new = (1 + 5 + 0 + 3 + 0 + 1 + 0 + 0) / 8  # 0 → 1 or 5, 2 → 1 or 5, 1 → 0 or 2, 5 → 0 or 2
    between, within = 2 * ((3 - 1) ** 2) / 2, (2 + 8) / 2
    deviation = np.sqrt((between + within) / 2)
    found = gain_of_redrawing(rewards, 0.75)
    assert found is not None
    assert found.images == 1
    assert found.redrawn.value == pytest.approx(4 * redrawn / deviation)
    assert found.new.value == pytest.approx(new / deviation)
    assert found.difference.value == pytest.approx(found.redrawn.value - found.new.value)
    assert gain_of_redrawing(np.ones((3, 4, 4)), 0.25) is None


def test_redrawing_what_is_not_decided_is_a_new_image() -> None:
    """Prefixes that decide nothing and cost nothing: the same gain, E max of 4 − E max of 3."""
    found = gain_of_redrawing(normal_rewards(0.0), 0.0)
    assert found is not None
    expected = expected_best()[3] - expected_best()[2]
    assert found.redrawn.low <= expected <= found.redrawn.high
    assert found.new.low <= expected <= found.new.high
    assert found.difference.low <= 0 <= found.difference.high
