"""VAR-Scaling's density against a restatement and a case by hand."""

import numpy as np

from scalingar.policy.density import densities, rank_weights


def test_three_draws_of_one_place_worked_by_hand() -> None:
    """0, 0 and 1: the two equal ones are denser; c = 1, n = 3."""
    vectors = np.array([0.0, 0.0, 1.0]).reshape(3, 1, 1)
    width = (3 * 3 / 4) ** (-1 / 5) * np.sqrt(2) / 3
    near = np.exp(-1 / (2 * width**2))
    np.testing.assert_allclose(densities(vectors), [(2 + near) / 3, (2 + near) / 3, (1 + 2 * near) / 3])


def test_positions_add_up() -> None:
    vectors = np.random.default_rng(0).normal(size=(6, 4, 2))
    width = (6 * 4 / 4) ** (-1 / 6) * vectors.std()
    expected = [
        sum(
            np.exp(-((vectors[i, p] - vectors[j, p]) ** 2).sum() / (2 * width**2)) / 6
            for p in range(4)
            for j in range(6)
        )
        for i in range(6)
    ]
    np.testing.assert_allclose(densities(vectors), expected)


def test_equal_draws_are_equally_dense() -> None:
    np.testing.assert_allclose(densities(np.ones((3, 2, 2))), [2, 2, 2])


def test_ranks_weigh_linearly() -> None:
    np.testing.assert_allclose(rank_weights(3), [3 / 6, 2 / 6, 1 / 6])
