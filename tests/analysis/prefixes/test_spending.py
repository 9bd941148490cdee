import numpy as np
import pytest

from scalingar.analysis.prefixes.spending import (
    N,
    cost_of_cutting,
    expected_best,
    gain_of_complete,
    gain_of_cutting,
)


def test_the_expected_best_of_normal_numbers() -> None:
    known = [0, 1 / np.sqrt(np.pi), 1.5 / np.sqrt(np.pi)]
    np.testing.assert_allclose(expected_best()[:3], known, atol=1e-6)
    assert expected_best()[7] == pytest.approx(1.42360, abs=1e-5)  # tables of order statistics, n = 8


def test_gains_at_the_ends() -> None:
    """A value that knows all loses nothing; one that knows nothing keeps as many images as it finishes."""
    for kept in (1, 2, 4):
        assert gain_of_cutting(1.0, kept) == 1.0
        assert gain_of_cutting(0.0, kept) == pytest.approx(gain_of_complete(kept), abs=0.01)
    assert gain_of_cutting(0.3, N) == 1.0
    assert gain_of_complete(1) == pytest.approx(0, abs=1e-9)
    assert gain_of_complete(N) == 1.0
    assert gain_of_complete(1.5) == pytest.approx(gain_of_complete(2) / 2)


def test_a_better_value_keeps_more() -> None:
    gains = [gain_of_cutting(rho, 2) for rho in (0.0, 0.1, 0.3, 0.6, 0.9)]
    assert gains == sorted(gains)


def test_the_most_valuable_prefix_alone() -> None:
    """Its mean is the highest of eight, √ρ of the deviation; what follows it is a draw."""
    assert gain_of_cutting(0.49, 1) == pytest.approx(0.7, abs=0.01)


def test_costs_by_hand() -> None:
    assert cost_of_cutting(0.5, 4) == 0.75  # eight halves and four more, of eight images
    assert cost_of_cutting(0.125, 1) == (8 * 18 + 126) / (8 * 144)
