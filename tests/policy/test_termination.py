from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalingar.core.errors import ConfigError
from scalingar.policy import Gate, GateConfig, GateDecision
from scalingar.policy.termination import BELOW_THRESHOLD, live_quantile
from scalingar.profile.rounding import first_largest

LOW, HIGH = 0.0, 1.0
"""Recoveries below and above δ_rec."""

confidences = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=8)


def gate(total_steps: int = 16, **settings: Any) -> Gate:
    """A gate without warm-up unless told."""
    return Gate.start(GateConfig.model_validate({"warmup_fraction": 0.0} | settings), total_steps)


def update(
    state: Gate, step: int, confidence: list[float], recovery: float | list[float] = LOW
) -> tuple[Gate, GateDecision]:
    c = np.array(confidence, np.float32)
    return state.update(step, c, np.broadcast_to(np.asarray(recovery, np.float32), c.shape))


def cut(decision: GateDecision) -> list[int]:
    return np.flatnonzero(~decision.keep).tolist()


def test_a_cut_worked_by_hand() -> None:
    # Of .1 .2 .3 .4 .5 .6 the 20 % quantile is exactly the second value: only .1 is below.
    _, decision = update(gate(), 0, [0.1, 0.3, 0.2, 0.4, 0.5, 0.6])
    assert decision.threshold == pytest.approx(0.2)
    assert decision.keep.tolist() == [False, True, True, True, True, True]
    assert decision.reason.tolist() == [BELOW_THRESHOLD, None, None, None, None, None]
    assert decision.below.tolist() == [True, False, False, False, False, False]
    assert decision.unrecovered.all()


def test_a_row_that_recovers_is_kept() -> None:
    _, decision = update(gate(), 0, [0.1, 0.5, 0.6], [0.05, LOW, LOW])
    assert cut(decision) == []
    assert decision.below.tolist() == [True, False, False]
    assert decision.unrecovered.tolist() == [False, True, True]


def test_the_threshold_is_smoothed() -> None:
    # θ = .2 at first, then .8(.2) + .2(.6).
    state, first = update(gate(), 0, [0.2, 0.2], HIGH)
    _, second = update(state, 1, [0.6, 0.6], HIGH)
    assert first.threshold == pytest.approx(0.2)
    assert second.threshold == pytest.approx(0.28)


def test_the_threshold_is_updated_every_few_steps_from_the_end_of_the_warm_up() -> None:
    state, thresholds = gate(12, warmup_fraction=0.25, threshold_every=4), []
    for step in range(12):
        state, decision = update(state, step, [float(step)] * 2, HIGH)
        thresholds.append(decision.threshold)
    # W₀ = 3. Of 0 0 1 1 2 2 3 3 the 20 % quantile is at rank 1.4: .4; of 4 4 5 5 6 6 7 7 it is 4.4: .8(.4) + .2(4.4)
    # = 1.2; of those of steps 8 to 11 8.4: .8(1.2) + .2(8.4) = 2.64.
    assert np.isnan(np.array(thresholds[:3])).all()
    assert thresholds[3:] == pytest.approx([0.4] * 4 + [1.2] * 4 + [2.64])


def test_the_recent_confidence_of_a_row_that_was_cut_does_not_count() -> None:
    state = gate(12, threshold_every=2, quantile=0.0)
    state, _ = update(state, 0, [0.1, 0.5, 0.6], HIGH)
    state, _ = update(state.select(np.array([1, 2])), 1, [0.5, 0.6], HIGH)
    state, decision = update(state, 2, [0.5, 0.6], HIGH)
    assert decision.threshold == pytest.approx(0.8 * 0.1 + 0.2 * 0.5)


def test_a_share_of_the_steps_serves_as_a_number_of_them() -> None:
    shares = gate(50, recovery_steps=0.05, threshold_every=0.1, protection_horizon=0.5)
    assert shares.config == gate(50, recovery_steps=3, threshold_every=5, protection_horizon=25).config


@pytest.mark.parametrize("mode", ["immediate", "probation", "recovery"])
def test_nothing_but_a_hard_fail_is_cut_before_the_horizon(mode: str) -> None:
    state = gate(mode=mode, recovery_steps=1, protection_horizon=3, hard_fail=0.05)
    cuts = []
    for step in range(5):
        state, decision = update(state, step, [0.1, 0.5, 0.04 if step == 1 else 0.6, 0.7])
        cuts.append(decision.reason.tolist())
    assert cuts[1] == [None, None, "hard fail", None]
    assert [reasons[0] is not None for reasons in cuts] == [False, False, False, True, True]


@pytest.mark.parametrize(("fraction", "total", "steps"), [(0.125, 256, 32), (0.125, 10, 2), (0.1, 30, 3), (0.0, 9, 0)])
def test_the_warm_up_is_rounded_up(fraction: float, total: int, steps: int) -> None:
    assert gate(total, warmup_fraction=fraction).warmup_steps == steps


@pytest.mark.parametrize("mode", ["immediate", "probation", "recovery"])
def test_nothing_is_cut_in_warm_up(mode: str) -> None:
    state = gate(8, warmup_fraction=0.5, mode=mode, recovery_steps=1)
    for step in range(4):
        state, decision = update(state, step, [0.1, 0.5, 0.8])
        assert cut(decision) == []
        assert np.isnan(decision.threshold)
        assert not decision.below.any()
    state, decision = update(state, 4, [0.1, 0.5, 0.95])
    assert (0 in cut(decision)) == (mode == "immediate")
    assert cut(update(state, 5, [0.1, 0.5, 0.95])[1]) == [0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0, 1))
def test_the_quantile_interpolates_between_order_statistics(values: list[float], p: float) -> None:
    ordered = sorted(values)
    weights = [max(0.0, 1 - abs(p * (len(values) - 1) - i)) for i in range(len(values))]
    expected = sum(w * value for w, value in zip(weights, ordered, strict=True))
    assert live_quantile(np.array(values), p) == pytest.approx(expected, abs=1e-9)
    assert live_quantile(np.array(values), p) == pytest.approx(np.quantile(values, p), abs=1e-9)


@given(confidences, st.integers(0, 15))
def test_a_gate_that_is_off_keeps_all(confidence: list[float], step: int) -> None:
    _, decision = update(gate(enabled=False, hard_fail=1.0), step, confidence)
    assert decision.keep.all()
    assert decision.reason.tolist() == [None] * len(confidence)
    assert np.isnan(decision.threshold)


@given(
    confidences,
    st.sampled_from(["immediate", "probation", "recovery"]),
    st.sampled_from([None, 2.0]),
)
def test_the_best_of_them_survives(confidence: list[float], mode: str, hard_fail: float | None) -> None:
    state = gate(mode=mode, hard_fail=hard_fail, recovery_steps=1)
    for step in range(3):
        state, decision = update(state, step, confidence)
        best = int(first_largest(np.array(confidence)))  # of those that are equal but for rounding
        assert decision.keep[best]
        assert decision.reason[best] is None
    assert hard_fail is None or decision.keep.sum() == 1


def test_the_lowest_row_survives_among_equals() -> None:
    _, decision = update(gate(hard_fail=0.5), 0, [0.1, 0.3, 0.3])
    assert decision.keep.tolist() == [False, True, False]
    assert decision.reason.tolist() == ["hard fail", None, "hard fail"]


@given(confidences, st.permutations(range(8)))
def test_permuting_rows_permutes_the_decision(confidence: list[float], order: list[int]) -> None:
    rows = [row for row in order if row < len(confidence)]
    distinct = [value + row for row, value in enumerate(confidence)]
    _, wanted = update(gate(), 0, distinct)
    _, got = update(gate(), 0, [distinct[row] for row in rows])
    assert got.keep.tolist() == wanted.keep[rows].tolist()
    assert got.threshold == wanted.threshold


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("settings", [{}, {"warmup_fraction": 1.0}, {"enabled": False}])
def test_a_row_that_is_no_number_is_cut_and_alone(bad: float, settings: dict[str, Any]) -> None:
    values = [0.1, 0.3, 0.2, 0.4, 0.5, 0.6]
    _, wanted = update(gate(**settings), 0, values)
    _, got = update(gate(**settings), 0, [*values[:2], bad, *values[2:]])
    assert got.reason[2] == "not a number"
    np.testing.assert_equal(got.threshold, wanted.threshold)
    assert got.keep.tolist() == [*wanted.keep[:2].tolist(), False, *wanted.keep[2:].tolist()]


def test_the_last_row_is_cut_when_it_is_no_number() -> None:
    state, decision = update(gate(), 0, [math.nan])
    assert decision.keep.tolist() == [False]
    assert np.isnan(decision.threshold)
    assert math.isnan(state.threshold)


def probation(recoveries: list[list[float]], confidence: list[float]) -> list[list[int]]:
    """Rows cut at each step, with 3 steps to rebound."""
    state, cuts = gate(mode="probation", recovery_steps=3), []
    for step, recovery in enumerate(recoveries):
        state, decision = update(state, step, confidence, recovery)
        cuts.append(cut(decision))
        if cuts[-1]:
            assert decision.reason[cuts[-1][0]] == "confidence below threshold, no rebound within 3 steps"
    return cuts


def test_probation_cuts_a_row_that_stays_low() -> None:
    assert probation([[LOW] * 3] * 4, [0.1, 0.5, 0.6]) == [[], [], [], [0]]


def test_probation_starts_anew_after_a_rebound() -> None:
    recoveries = [[LOW] * 3, [HIGH, LOW, LOW], *[[LOW] * 3] * 4]
    assert probation(recoveries, [0.1, 0.5, 0.6]) == [[], [], [], [], [], [0]]


def run_recovery(first_row: list[float], recovery: float = LOW) -> list[int]:
    """Steps at which row 0 would be cut in v1's mode, with 2 steps to recover and a gap of .05."""
    state = gate(32, mode="recovery", recovery_steps=2, threshold_every=31)
    steps = []
    for step, value in enumerate(first_row):
        state, decision = update(state, step, [value, 0.5, 0.6], [recovery, LOW, LOW])
        steps += [step] if 0 in cut(decision) else []
    return steps


def test_the_first_version_cuts_what_does_not_recover() -> None:
    assert run_recovery([0.1, 0.1, 0.1]) == [2]


def test_the_first_version_takes_a_gain_since_the_flag_as_recovery() -> None:
    # Flagged at .1; .16 is more than .05 above, so the flag is lifted, and set again at .16.
    assert run_recovery([0.1, 0.16, 0.16, 0.16, 0.16]) == [4]


def test_the_first_version_takes_the_recovery_threshold_too() -> None:
    assert run_recovery([0.1] * 6, HIGH) == []


def test_the_first_version_cuts_only_below_the_threshold() -> None:
    # θ = .26 (20 % of .1, .5, .6) stays; flagged at .24, then .27: less than .05 gained, so the flag stays, yet above
    # θ, so that the row is not cut before it falls below again.
    state = gate(32, mode="recovery", recovery_steps=2, threshold_every=31)
    state, _ = update(state, 0, [0.1, 0.5, 0.6], [HIGH, LOW, LOW])
    assert state.threshold == pytest.approx(0.26)
    cuts = []
    for step, value in ((1, 0.24), (2, 0.27), (3, 0.27), (4, 0.27), (5, 0.25)):
        state, decision = update(state, step, [value, 0.5, 0.6])
        cuts.append(cut(decision))
    assert cuts == [[], [], [], [], [0]]


@pytest.mark.parametrize("warmup", [0.0, 0.5])
def test_a_hard_fail_cuts_at_once_and_names_itself(warmup: float) -> None:
    state = gate(mode="probation", hard_fail=0.2, warmup_fraction=warmup)
    _, decision = update(state, 0, [0.1, 0.25, 0.5])
    assert decision.reason.tolist() == ["hard fail", None, None]


@pytest.mark.parametrize("mode", ["probation", "recovery"])
def test_selecting_commutes_with_updating(mode: str) -> None:
    rows = np.array([3, 0, 1])
    state = gate(mode=mode, recovery_steps=2, quantile=0.5)
    for step in range(2):
        state, _ = update(state, step, [0.1, 0.5, 0.6, 0.12])
    wanted = update(state, 2, [0.1, 0.5, 0.6, 0.12])[1]
    got = update(state.select(rows), 2, [0.12, 0.1, 0.5])[1]
    assert wanted.keep[rows].tolist() == got.keep.tolist() == [False, False, True]


def test_rows_at_their_own_steps_worked_by_hand() -> None:
    # W₀ = 4. Row 3 is in its warm-up: it is low, yet neither cut nor counted; θ = Q₂₀ of .1 .2 .3 is .14.
    state = gate(16, warmup_fraction=0.25)
    c = np.array([0.1, 0.2, 0.3, 0.0], np.float32)
    state, decision = state.update(np.array([6, 6, 5, 3]), c, np.zeros(4, np.float32))
    assert decision.threshold == pytest.approx(0.14)
    assert decision.below.tolist() == (~decision.keep).tolist() == [True, False, False, False]
    # The foremost is in its warm-up too: nothing happens.
    same, decision = state.update(np.array([2, 3, 0, 1]), c, np.zeros(4, np.float32))
    assert same.threshold == state.threshold
    assert decision.keep.all()


def test_the_foremost_rows_step_updates_the_threshold() -> None:
    state = gate(16, threshold_every=4)
    # At step 4 the 20 % quantile of .5 .5 .5 .5 1 1 is .5 still, at step 8 that of eight 1s is 1.
    for steps, theta in (([0, 0], 0.5), ([3, 0], 0.5), ([4, 1], 0.5), ([5, 4], 0.5), ([7, 6], 0.5), ([8, 7], 0.6)):
        level = 0.5 if steps[0] < 4 else 1.0
        state, decision = state.update(np.array(steps), np.full(2, level, np.float32), np.ones(2, np.float32))
        assert decision.threshold == pytest.approx(theta)


@pytest.mark.parametrize("mode", ["probation", "recovery"])
def test_rows_that_join_are_not_flagged(mode: str) -> None:
    state = gate(mode=mode, recovery_steps=2, quantile=0.5)
    state, _ = update(state, 0, [0.1, 0.5])
    joined = state.extended(2).select(np.array([1, 2, 0, 3]))
    for step in (1, 2):
        joined, decision = update(joined, step, [0.5, 0.1, 0.1, 0.6])
    assert cut(decision) == [2], "flagged a step before the row that joined"
    assert gate(mode=mode).extended(3).flagged_at is None


def test_the_live_set_shrinks_to_one() -> None:
    # What the rule does: a relative threshold always finds a lowest row.
    live, state = np.random.default_rng(0).random(8, np.float32), gate(256)
    for step in range(200):
        state, decision = state.update(step, live, np.zeros(len(live), np.float32))
        live, state = live[decision.keep], state.select(decision.keep)
    assert len(live) == 1


def test_presets() -> None:
    new, old = GateConfig.v3(), GateConfig.v1()
    assert new == GateConfig()
    assert (new.mode, new.threshold_every, new.warmup_fraction) == ("immediate", 1, 0.125)
    assert (new.quantile, new.threshold_rate, new.recovery_threshold) == (0.2, 0.2, 0.05)
    assert (old.mode, old.threshold_every, old.recovery_steps) == ("recovery", 16, 32)
    assert (old.recovery_gap, old.hard_fail) == (0.05, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warmup": 0.1}, "warmup is no setting; did you mean 'warmup_fraction'"),
        ({"quantile": 1.2}, "quantile=1.2: must be <= 1"),
        ({"mode": "later"}, "'immediate', 'probation' or 'recovery'"),
        ({"recovery_steps": 0}, "number of steps, at least 1"),
        ({"recovery_steps": 1.5}, "whole number of steps, at least 1, or a share of T"),
        ({"hard_fail": math.nan}, "finite number"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GateConfig.model_validate(settings)


def test_a_trajectory_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        gate(0)


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in GateConfig.model_fields.values())
