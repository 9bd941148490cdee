"""Statistics of what people say, against cases worked by hand and made-up people whose mind is known."""

import math

import numpy as np
import pytest

from scalingar.bench.statistics.agreement import krippendorff_alpha
from scalingar.bench.statistics.bradley_terry import VIRTUAL, bradley_terry
from scalingar.bench.statistics.clustered import percentile_interval, person_weights, ratio


def test_two_are_as_strong_as_the_odds() -> None:
    wins = np.array([[[0.0, 30.0], [10.0, 0.0]]])
    (beta,) = bradley_terry(wins)
    assert beta[0] - beta[1] == pytest.approx(math.log((30 + VIRTUAL) / (10 + VIRTUAL)))
    assert beta.sum() == pytest.approx(0)


def test_strengths_are_where_the_likelihood_is_flat() -> None:
    """For each entry the wins are those that its strength predicts."""
    wins = np.random.default_rng(0).integers(1, 40, (5, 4, 4)).astype(float)
    wins[:, range(4), range(4)] = 0
    beta = bradley_terry(wins)
    given = wins + VIRTUAL * (1 - np.eye(4))
    chance = 1 / (1 + np.exp(beta[:, None, :] - beta[:, :, None]))
    np.testing.assert_allclose(((given + given.transpose(0, 2, 1)) * chance * (1 - np.eye(4))).sum(2), given.sum(2))


def test_who_never_lost_is_strong_but_not_infinitely_and_who_was_never_compared_is_unknown() -> None:
    chain = np.zeros((1, 3, 3))
    chain[0, 0, 1] = chain[0, 1, 2] = 5
    assert np.isfinite(bradley_terry(chain)).all()
    apart = np.zeros((1, 3, 3))
    apart[0, 0, 1] = 5
    assert np.isnan(bradley_terry(apart)).all()


def naive_alpha(rated: list[list[int]]) -> float:
    """Pairs of values, one by one (Krippendorff 2011, "Computing Krippendorff's alpha-reliability")."""
    rated = [values for values in rated if len(values) > 1]
    values = [value for unit in rated for value in unit]
    of = [values.count(level) for level in range(5)]

    def distance(a: int, b: int) -> float:
        low, high = min(a, b), max(a, b)
        return (sum(of[low : high + 1]) - (of[a] + of[b]) / 2) ** 2

    n = len(values)
    seen = sum(
        distance(a, b) / (len(unit) - 1)
        for unit in rated
        for i, a in enumerate(unit)
        for j, b in enumerate(unit)
        if i != j
    )
    chance = sum(distance(a, b) for i, a in enumerate(values) for j, b in enumerate(values) if i != j)
    return 1 - (n - 1) * seen / chance


def test_agreement() -> None:
    rng = np.random.default_rng(3)
    rated = [rng.integers(0, 5, rng.integers(1, 5)).tolist() for _ in range(30)]
    values = np.array([value for unit in rated for value in unit])
    units = np.array([number for number, unit in enumerate(rated) for _ in unit])
    assert krippendorff_alpha(values, units, 5) == pytest.approx(naive_alpha(rated))
    assert krippendorff_alpha(np.array([0, 0, 4, 4, 2, 2]), np.array([0, 0, 1, 1, 2, 2]), 5) == 1
    assert krippendorff_alpha(np.array([0, 4, 0, 4]), np.array([0, 0, 1, 1]), 5) < 0
    assert math.isnan(krippendorff_alpha(np.array([1, 2, 3]), np.array([0, 1, 2]), 5))
    assert math.isnan(krippendorff_alpha(np.array([], np.int64), np.array([], np.int64), 5))


def test_people_who_answer_alike_count_once() -> None:
    """Twenty people who say one thing each, a hundred times over, give the error of twenty answers, not of 2000."""
    rng = np.random.default_rng(0)
    minds = rng.normal(3, 1, 20)
    weights = person_weights(20, rng, 4000)
    interval = percentile_interval(ratio(weights @ (minds * 100), weights.sum(1) * 100), 20)
    error = minds.std() / math.sqrt(20)
    assert interval.value == pytest.approx(minds.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_one_person_has_no_interval() -> None:
    weights = person_weights(1, np.random.default_rng(0), 10)
    interval = percentile_interval(ratio(weights @ np.array([4.0]), weights @ np.array([1.0])), 1)
    assert interval.value == 4
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
