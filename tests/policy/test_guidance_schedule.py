from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalingar.core.errors import ConfigError
from scalingar.policy import GuidanceConfig, GuidanceSchedule
from scalingar.policy.guidance_schedule import intrinsic_variance

BASE = 7.5
CONFIGS = (GuidanceConfig.v3(), GuidanceConfig.v1(), GuidanceConfig(form="relative"), GuidanceConfig(enabled=False))


def guidance_scale(
    config: GuidanceConfig, previous: np.ndarray, d_hat: np.ndarray, history: np.ndarray, r: np.ndarray
) -> np.ndarray:
    """The schedule after these values of Î."""
    schedule, got = GuidanceSchedule.start(config, BASE, len(previous), 1000), previous
    for column in history.T:
        schedule, got = schedule.update(previous, {"I_hat": column, "I": column, "D_hat": d_hat, "R": r})
    return got


def scale(config: GuidanceConfig, previous: float, d_hat: float, history: list[float], r: float) -> float:
    """The schedule for one row."""
    values = [np.array([number], np.float32) for number in (previous, d_hat, r)]
    got = guidance_scale(config, values[0], values[1], np.array([history], np.float32), values[2])
    return float(got[0])


def random_rows(seed: int, n: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    previous = np.float32(BASE) + rng.standard_normal(n, np.float32)
    d_hat, r = rng.random((2, n), np.float32)
    return previous, d_hat, rng.random((n, 40), np.float32), r


def test_the_printed_form_worked_by_hand() -> None:
    # Var(0, 1) = 1/4: s = 7.5 + .3(.6) + .4(.25) - .4(.5) = 7.58.
    got = scale(GuidanceConfig.v3(), 3.0, 0.4, [0.0, 1.0], 0.5)
    assert got == pytest.approx(7.58)


def test_the_relative_form_worked_by_hand() -> None:
    got = scale(GuidanceConfig(form="relative"), 3.0, 0.4, [0.0, 1.0], 0.5)
    assert got == pytest.approx(7.5 * 1.08)


def test_the_first_version_worked_by_hand() -> None:
    # s_raw = 7.5 + .3(.5) - .4(1) = 7.25; .8(8) + .2(7.25) = 7.85.
    config = GuidanceConfig.v1()
    assert scale(config, 8.0, 0.5, [0.3], 1.0) == pytest.approx(7.85)
    # From 7.5 the change is -.05(1 - 1e-3...): .8(7.5) + .2(7.26) = 7.452, inside the deadband.
    assert scale(config, 7.5, 0.5, [0.3], 0.975) == pytest.approx(7.5)
    # Recovery of 50 asks for less than the lower limit of half of 7.5.
    assert scale(config, 4.0, 0.5, [0.3], 50.0) == pytest.approx(3.75)
    assert scale(config, 20.0, 0.5, [0.3], 0.0) == pytest.approx(11.25)


@given(st.integers(0, 2**32 - 1))
def test_agrees_with_a_restatement(seed: int) -> None:
    previous, d_hat, history, r = random_rows(seed)
    raw = BASE + 0.3 * (1 - d_hat) + 0.4 * history[:, -32:].var(1) - 0.4 * r
    got = guidance_scale(GuidanceConfig.v3(), previous, d_hat, history, r)
    np.testing.assert_allclose(got, raw, rtol=1e-6)
    mixed = np.clip(0.8 * previous + 0.2 * raw, 0.5 * BASE, 1.5 * BASE)
    change = np.abs(mixed - previous)
    expected = np.where(change < 0.05, previous, mixed)
    got = guidance_scale(GuidanceConfig.v1(), previous, d_hat, history, r)
    clear = np.abs(change - 0.05) > 1e-5
    np.testing.assert_allclose(got[clear], expected[clear], rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_rows_do_not_see_each_other(seed: int, rows: list[int]) -> None:
    values, config = random_rows(seed), GuidanceConfig.v1()
    together = guidance_scale(config, *values)
    alone = guidance_scale(config, *(value[rows] for value in values))
    assert np.array_equal(together[rows], alone)


def test_off_guides_with_the_base_scale() -> None:
    assert scale(GuidanceConfig(enabled=False), 3.0, 0.1, [0.0, 1.0], 0.5) == BASE


def test_the_scale_is_in_fp32() -> None:
    assert all(guidance_scale(config, *random_rows(0)).dtype == np.float32 for config in CONFIGS)


def test_a_broken_row_is_alone() -> None:
    previous, d_hat, history, r = random_rows(0)
    wanted = guidance_scale(GuidanceConfig.v1(), previous, d_hat, history, r)
    history[1, -1] = np.nan
    got = guidance_scale(GuidanceConfig.v1(), previous, d_hat, history, r)
    assert np.isnan(got).tolist() == [False, True, False, False, False]
    assert np.array_equal(got[2:], wanted[2:])


@pytest.mark.parametrize(("window", "variance"), [(2, 1.0), (1, 0.0), (0.002, 1.0)])
def test_the_variance_looks_at_its_window_only(window: float, variance: float) -> None:
    """Steps, or a share of the 1000 that a trajectory has here."""
    config = GuidanceConfig(variance_window=window, beta=1)
    assert scale(config, 3.0, 1.0, [100.0, 1.0, 3.0], 0.0) == pytest.approx(BASE + variance)


def test_the_variance_is_that_of_the_smoothed_state_unless_told() -> None:
    zero = np.zeros(1, np.float32)
    for of, wanted in (("smoothed", 0.25), ("raw", 4.0)):
        schedule = GuidanceSchedule.start(GuidanceConfig.model_validate({"variance_of": of, "beta": 1}), BASE, 1, 9)
        for i_hat, i in ((0.0, 0.0), (1.0, 4.0)):
            values = {"I_hat": zero + i_hat, "I": zero + i, "D_hat": zero + 1, "R": zero}
            schedule, got = schedule.update(zero + BASE, {k: v.astype(np.float32) for k, v in values.items()})
        assert got.item() == pytest.approx(BASE + wanted)


def test_rows_that_join_have_no_past() -> None:
    schedule = GuidanceSchedule.start(GuidanceConfig(beta=1), BASE, 1, 9)
    one = np.ones(1, np.float32)
    schedule, _ = schedule.update(one, {"I_hat": 3 * one, "D_hat": one, "R": 0 * one})
    two = np.ones(2, np.float32)
    _, got = schedule.extended(1).update(two, {"I_hat": two, "D_hat": two, "R": 0 * two})
    np.testing.assert_allclose(got, [BASE + 1, BASE])


def test_the_variance_of_a_row_is_over_the_values_it_has() -> None:
    nan = np.nan
    history = np.array(
        [[9.0, 1.0, 3.0], [nan, 1.0, 3.0], [nan, nan, 3.0], [1.0, 3.0, nan], [nan, nan, nan]], np.float32
    )
    np.testing.assert_allclose(intrinsic_variance(history[:, 1:]), [1, 1, 0, nan, nan])
    np.testing.assert_allclose(intrinsic_variance(history)[1:3], [1, 0])


def test_the_defaults_are_the_printed_ones() -> None:
    config = GuidanceConfig()
    assert config == GuidanceConfig.v3()
    assert (config.alpha, config.beta, config.gamma, config.variance_window) == (0.3, 0.4, 0.4, 32)
    assert (config.smoothing, config.clip, config.deadband) == (None, None, 0)
    old = GuidanceConfig.v1()
    assert (old.smoothing, old.clip, old.deadband) == (0.2, (0.5, 1.5), 0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"eta": 0.1}, "eta is no setting; did you mean 'beta'"),
        ({"form": "multiplicative"}, "'additive' or 'relative'"),
        ({"clip": (1.5, 0.5)}, "smallest, largest"),
        ({"alpha": math.nan}, "finite number"),
        ({"variance_window": 0}, "number of steps, at least 1"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GuidanceConfig.model_validate(settings)


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in GuidanceConfig.model_fields.values())
