"""AdaBoN's estimate beside a restatement, and what it hands out."""

import numpy as np
import pytest

from scalingar.analysis.studies.kernel_density import PRIOR, _expected_rise, taken_by_kernel_density


def test_the_expected_rise_is_that_of_draws_from_the_density() -> None:
    rewards, taken, pooled = np.array([[1.0, -0.5, 9.0], [0.0, 9.0, 9.0]]), np.array([2, 1]), 0.5
    rng = np.random.default_rng(0)
    rises = _expected_rise(rewards, taken, pooled)
    for row, count, rise in zip(rewards, taken, rises, strict=True):
        seen = row[:count]
        width = np.sqrt((((seen - seen.mean()) ** 2).sum() + PRIOR * pooled) / (count - 1 + PRIOR)) * 1.06 * count**-0.2
        draws = rng.choice(seen, 400_000) + width * rng.normal(size=400_000)
        assert rise == pytest.approx(np.maximum(draws - seen.max(), 0).mean(), rel=0.02)


def test_the_budget_is_spent_and_nobody_has_more_than_all() -> None:
    rewards = np.random.default_rng(0).normal(size=(30, 6)) * np.linspace(0.1, 4, 30)[:, None]
    taken = taken_by_kernel_density(rewards, 3.0)
    assert taken.sum() == 90
    assert taken.min() >= 1
    assert taken_by_kernel_density(rewards, 9.0).tolist() == [6] * 30
