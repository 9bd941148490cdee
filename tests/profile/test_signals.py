from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalingar.profile.signals import signals

NAMES = ("entropy", "deepconf", "C", "log_p", "log_p_null")
SIGNALS = {
    "pmi",
    "log_likelihood",
    "entropy",
    "deepconf",
    "confidence",
    "lowest_group_confidence",
    "final_confidence",
}


def constant(deepconf: list[float]) -> dict[str, np.ndarray]:
    zeros = np.zeros(len(deepconf), np.float32)
    return dict.fromkeys(NAMES, zeros) | {"deepconf": np.array(deepconf, np.float32)}


def test_two_steps_worked_by_hand() -> None:
    # p(x|c) = 3/4 then 1/2, p(x|0) = 1/4 then 1/2: PMI = ln 3 + 0, mean ln p = (ln 3/4 + ln 1/2)/2.
    trace = {
        "entropy": np.array([1.0, 3.0]),
        "deepconf": np.array([4.0, 5.0]),
        "C": np.array([0.2, 0.6]),
        "log_p": np.log([0.75, 0.5]),
        "log_p_null": np.log([0.25, 0.5]),
    }
    expected = {
        "pmi": math.log(3),
        "log_likelihood": (math.log(0.75) + math.log(0.5)) / 2,
        "entropy": 2.0,
        "deepconf": 4.5,
        "confidence": 0.4,
        "lowest_group_confidence": 4.5,
        "final_confidence": 0.6,
    }
    assert signals(trace, 2) == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.integers(1, 70))
def test_agrees_with_a_restatement(seed: int, steps: int) -> None:
    entropy, deepconf, c, p, q = np.random.default_rng(seed).random((5, steps))
    got = signals({"entropy": entropy, "deepconf": deepconf, "C": c, "log_p": p, "log_p_null": q}, steps)
    size = min(32, steps)
    groups = [deepconf[t : t + size].mean() for t in range(steps - size + 1)]
    assert got["pmi"] == pytest.approx(float((p - q).sum()))
    assert got["confidence"] == pytest.approx(float(c.mean()))
    assert got["lowest_group_confidence"] == pytest.approx(float(min(groups)))
    assert got["final_confidence"] == pytest.approx(float(c[-1]))


def test_the_step_of_a_cut_counts_for_the_final_confidence_only() -> None:
    trace = {
        "entropy": np.array([1.0, 9.0]),
        "deepconf": np.array([1.0, 9.0]),
        "C": np.array([0.5, 0.1]),
        "log_p": np.array([-1.0, np.nan]),
        "log_p_null": np.array([-2.0, np.nan]),
    }
    got = signals(trace, 1)
    assert (got["entropy"], got["deepconf"], got["confidence"], got["pmi"]) == (1.0, 1.0, 0.5, 1.0)
    assert got["final_confidence"] == pytest.approx(0.1)


def test_the_lowest_group_is_a_full_one_and_is_remembered() -> None:
    # The first full group, not its low beginning: 31 · 32 / 32.
    assert signals(constant([0.0] + [32.0] * 31), 32)["lowest_group_confidence"] == 31
    assert signals(constant([0.0] + [32.0] * 31 + [64.0] * 40), 72)["lowest_group_confidence"] == 31
    assert signals(constant([0.0]), 1)["lowest_group_confidence"] == 0


def test_before_the_first_token_only_the_final_confidence_is_known() -> None:
    got = signals(constant([3.0]), 0)
    assert set(got) == SIGNALS
    assert got.pop("pmi") == 0
    assert got.pop("final_confidence") == 0
    assert all(math.isnan(value) for value in got.values())
