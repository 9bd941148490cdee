from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scalingar.profile import ConfidenceProfile, ProfileConfig, TokenStatistics
from scalingar.profile.conditional import Moments, sigmoid
from scalingar.profile.profile_config import Window

divergences = hnp.arrays(np.float32, (9, 4), elements=st.floats(0, 20, width=32))


def moments(values: np.ndarray, window: Window) -> Moments:
    state = Moments.start(values.shape[1], window)
    for value in values:
        state = state.update(value)
    return state


def run(window: Window, values: np.ndarray) -> dict[str, np.ndarray]:
    """The profile's values after steps with divergences `(t, n)`; D and D_hat see nothing else."""
    zeros = np.zeros(values.shape[1], np.float32)
    state = ConfidenceProfile.start(ProfileConfig(conditional_window=window), values.shape[1], (len(values), 1))
    for position, value in enumerate(values.astype(np.float32)):
        state = state.update(TokenStatistics(zeros, zeros, zeros, zeros, kl=value), position)
    return state.values


@given(divergences)
def test_running_moments_are_those_of_all_values(values: np.ndarray) -> None:
    pooled, alone = moments(values, "pooled"), moments(values, "trajectory")
    wide = values.astype(np.float64)
    np.testing.assert_allclose(pooled.mean, np.full(4, wide.mean()), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(pooled.squares / pooled.count, np.full(4, wide.var()), atol=1e-9)
    np.testing.assert_allclose(alone.mean, wide.mean(0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(alone.squares / alone.count, wide.var(0), atol=1e-9)


def test_scores_worked_by_hand() -> None:
    # Pooled over (1, 3): mean 2, deviation 1, z = (-1, 1).
    state = moments(np.array([[1.0, 3.0]], np.float32), "pooled")
    np.testing.assert_allclose(state.standardise(np.array([1.0, 3.0]), 1e-6), [-1, 1], rtol=1e-5)
    # Then (2, 6): all four have mean 3 and deviation sqrt(3.5); z of 6 is 3 / sqrt(3.5).
    state = state.update(np.array([2.0, 6.0], np.float32))
    np.testing.assert_allclose(state.standardise(np.array([2.0, 6.0]), 1e-6), [-1 / 3.5**0.5, 3 / 3.5**0.5], rtol=1e-5)


def test_utilisation_worked_by_hand() -> None:
    # D = sigmoid(-1), sigmoid(1); then sigmoid(-1/sqrt(3.5)) and sigmoid(3/sqrt(3.5)), rate 0.2.
    state = run("pooled", np.array([[1.0, 3.0], [2.0, 6.0]]))
    first = np.array([0.268941, 0.731059])
    second = np.array([0.369463, 0.832516])
    np.testing.assert_allclose(state["D"], second, atol=1e-5)
    np.testing.assert_allclose(state["D_hat"], 0.8 * first + 0.2 * second, atol=1e-5)


@given(divergences)
def test_agrees_with_a_restatement(values: np.ndarray) -> None:
    values = np.round(values * 8) / 8
    got, smooth = run("pooled", values), np.zeros(4)
    for t in range(len(values)):
        past = values[: t + 1].astype(np.float64)
        d = 1 / (1 + np.exp(-(values[t] - past.mean()) / (past.std() + 1e-6)))
        smooth = d if t == 0 else 0.8 * smooth + 0.2 * d
    np.testing.assert_allclose(got["D_hat"], smooth, atol=1e-4)


@pytest.mark.parametrize("window", ["pooled", "trajectory"])
def test_equal_divergences_are_the_middle(window: Window) -> None:
    # Three times 10.1 has no exact mean in fp32; a rounding error must not look like a deviation.
    assert run(window, np.full((5, 3), 10.1))["D_hat"].tolist() == [0.5] * 3


def test_the_first_step_of_a_trajectory_with_its_own_window_is_the_middle() -> None:
    assert run("trajectory", np.array([[1.0, 9.0]]))["D"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("window", ["pooled", "trajectory"])
def test_a_broken_row_leaves_the_others_alone(window: Window) -> None:
    values = np.random.default_rng(0).random((6, 3))
    broken = np.insert(values, 1, np.nan, axis=1)
    got = run(window, broken)
    np.testing.assert_allclose(np.delete(got["D_hat"], 1), run(window, values)["D_hat"])
    assert np.isnan(got["D_hat"][1])


def test_pooled_moments_remember_rows_that_were_cut() -> None:
    state = moments(np.array([[1.0, 3.0]]), "pooled").select(torch.tensor([1]))
    state = state.update(np.array([5.0]))
    np.testing.assert_allclose([float(state.mean), float(state.count)], [3, 3])


@given(divergences, st.permutations(range(4)))
def test_permuting_rows_permutes_the_result(values: np.ndarray, order: list[int]) -> None:
    got = run("pooled", values[:, order])["D_hat"]
    np.testing.assert_allclose(got, run("pooled", values)["D_hat"][order], atol=1e-4)


def test_the_sigmoid_does_not_overflow() -> None:
    np.testing.assert_allclose(sigmoid(np.array([-1e4, 0.0, 1e4, 2.0])), [0, 0.5, 1, 0.880797])
