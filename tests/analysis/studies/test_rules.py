"""Choosing, ordering and dividing, by hand."""

from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.outcomes.outcome import difference, score
from scalingar.analysis.outcomes.running_signals import lowest_group_so_far, running
from scalingar.analysis.outcomes.selection import best_at_tokens, best_by, importance_of, oracle_of, random_of
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.prompt_split import fitting_images
from scalingar.analysis.studies.joint_signal import fit_joint_signal
from scalingar.analysis.studies.signal_study import concordance, concordance_interval
from scalingar.analysis.studies.tune import kept_best
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.profile.signals import lowest_group
from tests.analysis.made_up_runs import write_made_up

POINTS = np.array([[0, 1, 1, 0], [1, 0, 0, 0]], dtype=float)
REWARD = np.array([[1, 2, 0, 9], [5, 5, 0, 0]], dtype=float)


@pytest.fixture
def run(tmp_path: Path) -> CompleteRun:
    return CompleteRun.read(write_made_up(tmp_path / "run", POINTS, rewards={"r": REWARD}))


def test_rules_by_hand(run: CompleteRun) -> None:
    assert random_of(run, 4).points.tolist() == [0.5, 0.25]
    assert random_of(run, 1).points.tolist() == [0, 1]
    assert oracle_of(run, 1).points.tolist() == [0, 1]
    assert oracle_of(run, 2).points.tolist() == [1, 1]
    assert best_by(run, "r", 2).points.tolist() == [1, 1]  # a tie goes to the first
    assert best_by(run, "r", 4).points.tolist() == [0, 1]
    assert best_by(run, "r", 4).tokens.tolist() == [48, 48]
    with pytest.raises(BenchmarkError, match="recorded no 'x'; choose from r, final_confidence"):
        best_by(run, "x", 2)


def test_matched_tokens_mix_the_counts_around_them(run: CompleteRun) -> None:
    mixed = best_at_tokens(run, "r", 1.25 * 12)
    assert mixed.points.tolist() == [0.75 * 0 + 0.25 * 1, 1]
    assert mixed.tokens.mean() == 15
    with pytest.raises(ConfigError, match="11 tokens per image are not between 12 and 48"):
        best_at_tokens(run, "r", 11)


def test_importance_sampling_is_told_in_expectation(run: CompleteRun) -> None:
    weights = np.exp([1, 2, 0, 9])
    assert importance_of(run, "r", 4, 1.0).points[0] == pytest.approx((weights[1] + weights[2]) / weights.sum())
    assert importance_of(run, "r", 4, 0.0).points.tolist() == [0.5, 0.25]


def test_scores_are_those_of_prompts_and_tasks(tmp_path: Path) -> None:
    points = np.array([[1], [1], [0], [1], [0], [0]], dtype=float)
    tasks = ["one", "one", "one", "one", "two", "two"]
    run = CompleteRun.read(write_made_up(tmp_path / "run", points, tasks=tasks, images_per_prompt=2))
    assert score(run, points[:, 0]).value == pytest.approx((0.75 + 0) / 2)
    first = np.array([True, True, False, False, True, True])
    assert score(run, points[:, 0], first).value == pytest.approx((1 + 0) / 2)
    assert difference(run, points[:, 0], np.ones(6)).value == pytest.approx((0.25 + 1) / 2)


def test_concordance_counts_pairs_of_one_image() -> None:
    correct = POINTS == 1
    wins, pairs = concordance(REWARD, correct)
    assert wins.tolist() == [1, 2.5]  # 2 > 1 of the pairs (2, 1), (2, 9), (0, 1), (0, 9); then a tie and two right
    assert pairs.tolist() == [4, 3]
    interval = concordance_interval(REWARD, correct, np.array([0, 1]))
    assert interval.value == pytest.approx(3.5 / 7)
    assert (interval.low, interval.high) == pytest.approx((1 / 4, 2.5 / 3))


def test_running_signals_end_where_recorded_ones_do(complete: CompleteRun) -> None:
    for name in ("pmi", "log_likelihood", "deepconf", "confidence", "final_confidence", "lowest_group_confidence"):
        recorded = [[c["signals"][name] for c in line["candidates"]] for line in complete.lines]
        np.testing.assert_allclose(running(complete, name)[:, :, -1], recorded, rtol=1e-5)


def test_the_lowest_group_so_far_is_that_of_the_steps_so_far() -> None:
    deepconf = np.random.default_rng(0).random((1, 1, 70))
    found = lowest_group_so_far(deepconf)[0, 0]
    np.testing.assert_allclose(found, [lowest_group(deepconf[0, 0, : t + 1]) for t in range(70)])


def test_a_gate_keeps_the_best_and_picks_among_them() -> None:
    early, late = np.array([[3.0, 2.0, 1.0]]), np.array([[0.0, 1.0, 9.0]])
    assert [int(kept_best(early, late, k)[0]) for k in (1, 2, 3)] == [0, 1, 2]


def test_what_makes_a_prompt_easy_is_not_learned() -> None:
    rng = np.random.default_rng(0)
    ease, skill = rng.normal(size=(400, 1)), rng.normal(size=(400, 4))
    correct = rng.random((400, 4)) < 1 / (1 + np.exp(-(3 * ease + 2 * skill)))
    features = np.stack([skill + ease, np.broadcast_to(ease, skill.shape), rng.normal(size=(400, 4))], axis=-1)
    found = fit_joint_signal(["skill", "ease", "noise"], features, correct)
    assert found.weights[0] > 1
    assert found.weights[1] == pytest.approx(0)
    assert abs(found.weights[2]) < 0.3
    assert (found(features).argmax(axis=1) == skill.argmax(axis=1)).mean() > 0.8


def test_halves_hold_whole_prompts_of_every_task(tmp_path: Path) -> None:
    tasks = ["one"] * 8 + ["two"] * 4
    run = CompleteRun.read(write_made_up(tmp_path / "run", np.ones((12, 2)), tasks=tasks, images_per_prompt=2))
    fit = fitting_images(run, 0)
    assert (fit[0::2] == fit[1::2]).all()
    assert (fit[:8].sum(), fit[8:].sum()) == (4, 2)
    assert any((fitting_images(run, seed) != fit).any() for seed in range(1, 9))
