"""Comparisons in which the last digits have no say."""

import numpy as np
import pytest

from scalingar.profile.rounding import below, descending, first_largest, reaches, rises, signs

NAN, INF = np.nan, np.inf


def test_below_is_more_than_rounding() -> None:
    values = np.array([0.66190267, 0.6618, 0.66192, NAN], np.float32)
    assert below(values, 0.6619029).tolist() == [False, True, False, False]


def test_a_threshold_may_be_missed_by_rounding() -> None:
    assert reaches(np.array([2.99999, 2.9999, 3.0]), 3.0).tolist() == [True, False, True]
    assert reaches(np.array([-3.00001, -3.001]), -3.0).tolist() == [True, False]


@pytest.mark.parametrize(
    ("values", "largest"),
    [
        ([1.0, 2.0, 2.0000001], 1),
        ([NAN, -5.0, -4.0], 2),
        ([-INF, -INF], 0),
        ([1.0, INF, INF], 1),
        ([0.0, 1e-9], 1),  # a share of nothing is nothing
        ([[1.0, 3.0], [3.0, 1.0]], [1, 0]),
    ],
)
def test_the_first_of_equal_ones_is_the_largest(values: object, largest: object) -> None:
    assert first_largest(np.array(values)).tolist() == largest


def test_what_is_left_of_larger_terms_is_equal_within_a_share_of_those() -> None:
    values = np.array([1e-7, -2e-6, 3e-6, -5e-5])
    assert first_largest(values) == 2
    assert first_largest(values, 1.0) == 0
    assert descending(values, 1.0).tolist() == [0, 1, 2, 3]
    assert descending(np.array([1e-7, 3.0, 3.00002, 2e-6]), 1.0).tolist() == [1, 2, 0, 3]


def test_only_more_than_rounding_is_a_rise() -> None:
    best = np.maximum.accumulate(np.array([1.0, 1.000001, 0.5, 1.1, 1.1]))
    assert rises(best).tolist() == [True, False, False, True, False]


def test_equal_values_keep_their_order() -> None:
    values = np.array([[1.0, 2.0, 2.0000001, NAN, 3.0], [-INF, 0.0, -INF, 0.0, INF]])
    assert descending(values).tolist() == [[4, 1, 2, 0, 3], [4, 1, 3, 0, 2]]


def test_pairs_within_rounding_are_equal() -> None:
    assert signs(np.array([2.0, 2.000001, 1.0])).tolist() == [[0, 0, 1], [0, 0, 1], [-1, -1, 0]]
    assert signs(np.array([0.0, 1e-6])).tolist() == [[0, -1], [1, 0]]
    assert signs(np.array([0.0, 1e-6]), 1.0).tolist() == [[0, 0], [0, 0]]
