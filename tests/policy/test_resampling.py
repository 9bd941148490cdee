import numpy as np
import pytest

from scalingar.policy.resampling import Method, effective_sample_size, probabilities, resample

INF, NAN = np.inf, np.nan


def test_weights_are_normalised_whatever_their_size() -> None:
    logs = np.array([0.3, -1.2, 0.9])
    expected = np.exp(logs) / np.exp(logs).sum()
    for shift in (0.0, 5000.0, -5000.0):
        np.testing.assert_allclose(probabilities(logs + shift), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        ([7.0, 7.0, 7.0], [1 / 3] * 3),
        ([NAN, 1.0, 1.0], [0, 0.5, 0.5]),
        ([-INF, 0.0, -INF], [0, 1, 0]),
        ([-INF, -INF], [0.5, 0.5]),
        ([NAN, -INF], [0, 1]),
        ([INF, 3.0, INF, NAN], [0.5, 0, 0.5, 0]),
    ],
)
def test_weights_that_are_not_finite(logs: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(probabilities(np.array(logs)), expected)


def test_no_weight_is_a_number() -> None:
    with pytest.raises(ValueError, match="no trajectory has a reward that is a number"):
        probabilities(np.array([NAN, NAN]))


@pytest.mark.parametrize("method", ["multinomial", "systematic"])
def test_rows_come_as_often_as_they_weigh(method: Method) -> None:
    chances = np.array([0.5, 0.0, 0.2, 0.3])
    with np.errstate(divide="ignore"):
        logs = np.log(chances)
    generator = np.random.default_rng(0)
    counts = np.zeros(4)
    for _ in range(500):
        counts += np.bincount(resample(logs, 8, method, generator), minlength=4)
    np.testing.assert_allclose(counts / 4000, chances, atol=0.03)
    assert counts[1] == 0


def test_systematic_counts_differ_by_less_than_one() -> None:
    logs = np.log([0.55, 0.25, 0.2])
    for seed in range(50):
        rows = resample(logs, 10, "systematic", np.random.default_rng(seed))
        assert (np.abs(np.bincount(rows, minlength=3) - [5.5, 2.5, 2]) < 1).all()
        assert (np.diff(rows) >= 0).all()


def test_effective_sample_size_by_hand() -> None:
    assert effective_sample_size(np.full(4, 0.25)) == 4
    assert effective_sample_size(np.array([0.0, 1.0, 0.0])) == 1
    assert effective_sample_size(np.array([0.5, 0.25, 0.25])) == pytest.approx(1 / 0.375)
