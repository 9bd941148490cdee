from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalingar.core.errors import ConfigError
from scalingar.profile import ConfidenceProfile, ProfileConfig, TokenStatistics
from scalingar.profile.confidence import joint_confidence, recovery
from scalingar.strategies import ScalingAR

LETTERS = {"u", "s_tok", "B", "K", "D", "D_hat", "I", "I_hat", "C", "R", "entropy", "margin"}


def statistics(values: np.ndarray) -> TokenStatistics:
    """Statistics of one step from `(n, 3)`: normalised entropy, margin, divergence."""
    h, m, k = values.astype(np.float32).T
    return TokenStatistics(
        entropy=h * np.float32(math.log(16)),
        normalized_entropy=h,
        margin=m,
        deepconf=h + 1,
        kl=k,
    )


def run(values: np.ndarray, grid: tuple[int, int] = (4, 4), warmup: int = 0, **config: Any) -> list[ConfidenceProfile]:
    """The profile after every step of `values` `(t, n, 3)`."""
    settings = ProfileConfig.model_validate({"block_size": 2} | config)
    profile, seen = ConfidenceProfile.start(settings, values.shape[1], grid, warmup=warmup), []
    for position, step in enumerate(values):
        profile = profile.update(statistics(step), position)
        seen.append(profile)
    return seen


def random_values(seed: int, steps: int = 16, n: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).random((steps, n, 3))


def test_one_step_worked_by_hand() -> None:
    # u = .5(.4) + .5(1 - .6) = .4, s_tok = .6, B = 1, I = .65(.6) + .35 = .74; a single divergence
    # has z = 0, D = .5; C = .75(.74) + .25(.5) = .68; it is the minimum, so R = 0.
    profile = run(np.array([[[0.4, 0.6, 2.0]]]))[0]
    expected = {"u": 0.4, "s_tok": 0.6, "B": 1.0, "K": 2.0, "D": 0.5, "D_hat": 0.5, "I": 0.74}
    expected |= {"I_hat": 0.74, "C": 0.68, "R": 0.0, "margin": 0.6, "entropy": 0.4 * math.log(16)}
    for letter, value in profile.values.items():
        assert value.item() == pytest.approx(expected[letter], abs=1e-6), letter


def test_a_second_step_worked_by_hand() -> None:
    # u = .5(.2) + .5(.2) = .2; s_tok = .8(.6) + .2(.8) = .64; B = 1 still (no block half full);
    # I = .65(.64) + .35 = .766; Î = .8(.74) + .2(.766) = .7452; equal divergences keep D = .5;
    # C = .75(.7452) + .125 = .6839; R = (.6839 - .68) / .68 = .0057353.
    values = np.array([[[0.4, 0.6, 2.0]], [[0.2, 0.8, 2.0]]])
    trace = run(values, block_size=4)[1].values
    assert trace["I_hat"].item() == pytest.approx(0.7452, abs=1e-6)
    assert trace["C"].item() == pytest.approx(0.6839, abs=1e-6)
    assert trace["R"].item() == pytest.approx(0.0057353, abs=2e-6)


def restated(values: np.ndarray, stability: np.ndarray) -> np.ndarray:
    """C_t of the last step, with B_t given, and everything else afresh."""
    s = i = d = np.full(values.shape[1], np.nan)
    for t, (h, m, k) in enumerate(values.transpose(0, 2, 1)):
        now = 1 - (0.5 * h + 0.5 * (1 - m))
        s = now if t == 0 else 0.8 * s + 0.2 * now
        now = 0.65 * s + 0.35 * stability[t]
        i = now if t == 0 else 0.8 * i + 0.2 * now
        past = values[: t + 1, :, 2]
        now = 1 / (1 + np.exp(-(k - past.mean()) / (past.std() + 1e-6)))
        d = now if t == 0 else 0.8 * d + 0.2 * now
    return 0.75 * i + 0.25 * d


@given(st.integers(0, 2**32 - 1))
def test_agrees_with_a_restatement(seed: int) -> None:
    values = random_values(seed)
    seen = run(values)
    stability = np.array([profile.values["B"] for profile in seen])
    np.testing.assert_allclose(seen[-1].values["C"], restated(values, stability), atol=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_recovery_is_measured_from_the_lowest_confidence_so_far(seed: int) -> None:
    seen = run(random_values(seed))
    confidence = np.array([profile.values["C"] for profile in seen])
    lowest = confidence.min(0)
    np.testing.assert_allclose(seen[-1].minimum.values, lowest)
    expected = (confidence[-1] - lowest) / (lowest + 1e-6)
    np.testing.assert_allclose(seen[-1].values["R"], expected, atol=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_bounds(seed: int) -> None:
    for profile in run(random_values(seed)):
        trace = profile.values
        for letter in LETTERS - {"K", "R", "entropy"}:
            assert ((trace[letter] >= 0) & (trace[letter] <= 1)).all(), letter
        assert (trace["R"] >= 0).all()


def test_the_trace_has_the_papers_letters_per_row() -> None:
    trace = run(random_values(0))[-1].values
    assert set(trace) == LETTERS
    assert all(value.shape == (4,) and value.dtype == np.float32 for value in trace.values())


def test_before_the_first_step_nothing_is_known() -> None:
    profile = ConfidenceProfile.start(ProfileConfig(), 2, (4, 4))
    assert profile.values == {}


@pytest.mark.parametrize("since", ["start", "warmup"])
@pytest.mark.parametrize("window", [None, 3, 0.25])
def test_what_the_minimum_looks_back_on(since: str, window: float | None) -> None:
    """At step 5 of 16 the warm-up is over; a quarter of 16 steps are 4."""
    values = random_values(4)
    values[:5] = [1.0, 0.0, 0.0]  # as unsure as can be
    seen = run(values, warmup=5, minimum_since=since, minimum_window=window)
    c = np.stack([profile.values["C"] for profile in seen])
    assert (c[5:].min(0) > c[:5].min(0)).any(), "or both readings would be one"
    for step, profile in enumerate(seen):
        first = 5 if since == "warmup" and step >= 5 else 0
        if window is not None:
            first = max(first, step + 1 - {3: 3, 0.25: 4}[window])
        lowest = c[first : step + 1].min(0)
        np.testing.assert_array_equal(profile.minimum.values, lowest)
        np.testing.assert_allclose(profile.values["R"], (c[step] - lowest) / lowest, rtol=1e-4, atol=1e-5)


def test_epsilon_bounds_a_recovery_from_nothing() -> None:
    np.testing.assert_allclose(recovery(np.array([1.0]), np.array([0.0]), 0.5), [2.0])
    z = run(random_values(0), epsilon=1e9)[-1].values["D"]
    np.testing.assert_allclose(z, 0.5, atol=1e-6, err_msg="no deviation counts beside such an ε")


@pytest.mark.parametrize("window", ["pooled", "trajectory"])
def test_rolling_statistics_forget(window: str) -> None:
    """Blocks of one token, of which the worst counts: E_worst is the largest H̄ so far."""
    values = random_values(2, steps=16, n=3).astype(np.float32)
    windows: dict[str, Any] = {"block_window": window, "conditional_window": window, "block_size": 1}
    seen = run(values, rolling_window=4, worst_fraction=1e-9, **windows)
    axis, worst = None if window == "pooled" else 0, np.maximum.accumulate(values[..., 0], axis=0)
    for step, profile in enumerate(seen):
        k, e = (some[max(0, step - 3) : step + 1] for some in (values[..., 2], worst))
        z = (k[-1] - k.mean(axis, dtype=float)) / (k.std(axis, dtype=float) + 1e-6)
        np.testing.assert_allclose(profile.values["D"], 1 / (1 + np.exp(-z)), atol=1e-5)
        spread = e.max(axis) - e.min(axis)
        b = 1 - (e[-1] - e.min(axis)) / np.where(spread > 0, spread, np.inf)
        np.testing.assert_allclose(profile.values["B"], b, atol=1e-5)


def test_utilisation_has_a_rate_of_its_own() -> None:
    values = random_values(1)
    wanted, got = run(values)[-1].values, run(values, utilisation_rate=1.0)[-1].values
    assert np.array_equal(got["D_hat"], got["D"])
    assert np.array_equal(got["I_hat"], wanted["I_hat"])
    assert not np.array_equal(wanted["D_hat"], wanted["D"])


@given(st.integers(0, 2**32 - 1), st.permutations(range(4)))
def test_permuting_rows_permutes_the_profile(seed: int, order: list[int]) -> None:
    values = random_values(seed)
    wanted, got = run(values)[-1].values, run(values[:, order])[-1].values
    for letter in LETTERS:
        np.testing.assert_allclose(got[letter], wanted[letter][order], atol=1e-5, rtol=1e-5)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_selecting_commutes_with_updating(seed: int, rows: list[int]) -> None:
    values, chosen = random_values(seed), np.array(rows)
    windows: dict[str, Any] = {"block_window": "trajectory", "conditional_window": "trajectory"}
    before, after = run(values, **windows)[-2:]
    moved = before.select(chosen).update(statistics(values[-1][rows]), len(values) - 1)
    for letter in LETTERS:
        assert np.array_equal(moved.values[letter], after.values[letter][chosen]), letter
    assert np.array_equal(moved.minimum.values, after.minimum.values[chosen])


def test_an_update_leaves_the_old_state_alone() -> None:
    values = random_values(0)
    first = run(values)[7]
    before = {letter: value.copy() for letter, value in first.values.items()}
    first.update(statistics(values[8]), 8)
    assert all(np.array_equal(first.values[letter], value) for letter, value in before.items())


OWN: dict[str, Any] = {"block_window": "trajectory", "conditional_window": "trajectory"}


def same(got: ConfidenceProfile, rows: list[int], wanted: ConfidenceProfile) -> None:
    """These rows are all of another profile, to the bit."""
    for letter in LETTERS:
        assert np.array_equal(got.values[letter][rows], wanted.values[letter]), letter
    assert np.array_equal(got.minimum.values[rows], wanted.minimum.values)


@pytest.mark.parametrize("late", [1, 4, 9])
@pytest.mark.parametrize("first", [0, 3])
def test_rows_that_join_are_as_those_of_a_fresh_profile(late: int, first: int) -> None:
    """Three trajectories, joined after some steps by two that start at another position of the grid."""
    values = random_values(5, steps=32, n=5)
    config = ProfileConfig(block_size=2, rolling_window=5, minimum_window=7, **OWN)
    start = lambda n: ConfidenceProfile.start(config, n, (4, 4), warmup=6)  # noqa: E731
    both, old, new = start(3), start(3), start(2)
    for step in range(late):
        both, old = (profile.update(statistics(values[step, :3]), step) for profile in (both, old))
    both = both.extended(2)
    for step in range(late, 16):
        at = first + step - late
        if at >= 16:
            break
        positions = np.array([step] * 3 + [at] * 2)
        both = both.update(statistics(values[step]), positions)
        old = old.update(statistics(values[step, :3]), step)
        new = new.update(statistics(values[step, 3:]), at)
        same(both, [0, 1, 2], old)
        same(both, [3, 4], new)
    alone = both.select(np.array([4, 3, 3]))
    if at < 15:
        again = alone.update(statistics(values[20, [4, 3, 3]]), at + 1)
        same(again, [1, 0], new.update(statistics(values[20, 3:]), at + 1))
        assert again.blocks.fresh is None, "those that are left stand together"


def test_rows_that_join_find_what_is_pooled() -> None:
    values = random_values(6, n=3)
    seen = run(values[:10, :2])[-1].extended(1)
    got = seen.update(statistics(values[10]), np.array([10, 10, 0]))
    k = np.append(values[:10, :2, 2], values[10, :, 2]).astype(np.float32)
    z = (values[10, :, 2] - k.mean()) / k.std()
    np.testing.assert_allclose(got.values["D"], 1 / (1 + np.exp(-z)), atol=1e-5)
    assert got.values["B"][2] == 1, "no block of its own yet"
    assert got.blocks.low.shape == ()


def test_rows_join_a_profile_that_saw_nothing() -> None:
    values = random_values(7)
    start = ConfidenceProfile.start(ProfileConfig(block_size=2), 1, (4, 4)).extended(3)
    wanted = run(values)
    for position in range(4):
        start = start.update(statistics(values[position]), position)
        same(start, [0, 1, 2, 3], wanted[position])


def test_one_position_per_row_is_one_for_all_where_they_are_equal() -> None:
    values, seen = random_values(8), run(random_values(8))
    profile = ConfidenceProfile.start(ProfileConfig(block_size=2), 4, (4, 4))
    for position, step in enumerate(values):
        profile = profile.update(statistics(step), np.full(4, position))
        same(profile, [0, 1, 2, 3], seen[position])


def test_a_row_does_not_go_back() -> None:
    profile = ConfidenceProfile.start(ProfileConfig(), 1, (4, 4)).update(statistics(random_values(0, n=1)[0]), 5)
    with pytest.raises(ValueError, match="position 4 is before the row's first, 5"):
        profile.update(statistics(random_values(0, n=1)[1]), 4)


@pytest.mark.parametrize("window", ["pooled", "trajectory"])
def test_a_broken_row_is_nan_and_alone(window: str) -> None:
    values = random_values(3)
    windows: dict[str, Any] = {"block_window": window, "conditional_window": window}
    wanted = run(values, **windows)[-1].values
    broken = np.insert(values, 2, np.nan, axis=1)
    got = run(broken, **windows)[-1].values
    kept = np.array([0, 1, 3, 4])
    for letter in LETTERS:
        np.testing.assert_allclose(got[letter][kept], wanted[letter], atol=1e-6, rtol=1e-6)
    assert np.isnan(got["C"][2])


def test_a_nan_shows_even_in_a_channel_that_is_off() -> None:
    values = random_values(0)
    values[-1, 1, 2] = np.nan
    assert np.isnan(run(values, conditional_channel=False)[-1].values["C"]).tolist() == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("off", "letters"),
    [
        (["token_channel"], {"B": 0.75, "D_hat": 0.25}),
        (["block_channel"], {"s_tok": 0.75, "D_hat": 0.25}),
        (["conditional_channel"], {"I_hat": 1.0}),
        (["token_channel", "block_channel"], {"D_hat": 1.0}),
    ],
)
def test_a_channel_that_is_off_gives_its_weight_away(off: list[str], letters: dict[str, float]) -> None:
    # λ_I = 1 takes the smoothing out: C is the weighted sum of the letters itself.
    settings: dict[str, Any] = dict.fromkeys(off, False)
    trace = run(random_values(1), intrinsic_rate=1.0, utilisation_rate=1.0, **settings)[-1].values
    expected = sum(weight * trace[letter] for letter, weight in letters.items())
    np.testing.assert_allclose(trace["C"], expected, rtol=1e-5)


def test_the_map_of_the_first_version() -> None:
    config = ProfileConfig(sigmoid_map=(2.0, -1.0))
    got = joint_confidence(np.array([0.8]), np.array([0.4]), config)
    assert got.item() == pytest.approx(1 / (1 + math.exp(-(2 * 0.7 - 1))))


def test_recovery_uses_the_size_of_a_negative_minimum() -> None:
    np.testing.assert_allclose(recovery(np.array([0.1]), np.array([-0.2]), 1e-6), [1.5], rtol=1e-5)


def test_the_defaults_are_the_printed_ones() -> None:
    config = ProfileConfig()
    assert config == ScalingAR.v3().profile == ScalingAR.v1().profile
    assert config.weights == (0.65, 0.35, 0.75, 0.25)
    rates = (config.token_rate, config.intrinsic_rate, config.worst_fraction, config.block_size)
    assert rates == (0.2, 0.2, 0.1, 4)
    assert (config.alpha_entropy, config.alpha_margin, config.min_fill) == (0.5, 0.5, 0.5)


def test_of_a_pair_of_weights_one_is_enough() -> None:
    config = ProfileConfig(token_weight=0.5, conditional_weight=1, alpha_margin=0)
    assert config.weights == (0.5, 0.5, 0, 1)
    assert (config.alpha_entropy, config.alpha_margin) == (1, 0)
    assert ScalingAR.v1(profile={"block_weight": 0.5}).profile.token_weight == 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokenrate": 0.1}, "tokenrate is no setting; did you mean 'token_rate'"),
        ({"token_rate": 0.0}, "token_rate=0.0: must be > 0"),
        ({"minimum_window": 0}, "number of steps, at least 1"),
        ({"rolling_window": 1.5}, "share of T between 0 and 1"),
        ({"minimum_since": "later"}, "'start' or 'warmup'"),
        ({"worst_fraction": 1.5}, "worst_fraction=1.5: must be <= 1"),
        ({"token_weight": 0.5, "block_weight": 0.35}, "token_weight and block_weight must sum to 1"),
        ({"alpha_margin": 0.3, "alpha_entropy": 0.3}, "alpha_entropy and alpha_margin must sum to 1"),
        ({"conditional_weight": 1.5}, "conditional_weight=1.5: must be <= 1"),
        ({"sigmoid_map": (math.nan, 0.0)}, "finite number"),
        (dict.fromkeys(["token_channel", "block_channel", "conditional_channel"], False), "is off"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ProfileConfig.model_validate(settings)


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in ProfileConfig.model_fields.values())
