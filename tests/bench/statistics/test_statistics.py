"""Standard errors, paired bootstrap, Wilson, AUC and calibration: by hand and against scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from scalingar.bench.statistics import (
    Bin,
    Estimate,
    ScoreTable,
    auc,
    auc_interval,
    calibration_bins,
    expected_calibration_error,
    overall,
    paired_bootstrap,
    task_estimates,
    wilson_interval,
)
from scalingar.core.errors import BenchmarkError, ConfigError


def table(tasks: dict[str, list[float]], images: float = 4) -> ScoreTable:
    """Right images of ``images`` for each prompt of each task."""
    names = [name for name, scores in tasks.items() for _ in scores]
    correct = np.array([score for scores in tasks.values() for score in scores], dtype=float)
    return ScoreTable(tuple(map(str, range(len(names)))), tuple(names), correct, np.full(len(names), float(images)))


def random_table(
    rng: np.random.Generator, rate: float, sizes: tuple[int, ...] = (80, 99, 80, 94, 100, 100)
) -> ScoreTable:
    return table({f"t{i}": rng.binomial(4, rate, size).tolist() for i, size in enumerate(sizes)})


# --- means and standard errors -----------------------------------------------------------------


def test_standard_error_by_hand() -> None:
    """Prompts score 0, 1/2 and 1: mean 1/2, deviation 1/2, standard error 1/(2 √3), not that of 12 images."""
    estimates = task_estimates(table({"a": [0, 2, 4]}))
    assert estimates["a"].value == 0.5
    assert estimates["a"].standard_error == pytest.approx(0.5 / math.sqrt(3))
    assert estimates["a"].prompts == 3


def test_equal_images_give_the_standard_error_of_the_mean() -> None:
    rng = np.random.default_rng(0)
    table = random_table(rng, 0.4)
    for task, estimate in task_estimates(table).items():
        means = table.correct[table.rows(task)] / 4
        assert estimate.value == pytest.approx(means.mean())
        assert estimate.standard_error == pytest.approx(stats.sem(means))


def test_unequal_totals_are_pooled() -> None:
    """1 of 1 and 1 of 3 are 2 of 4: residuals ±1/2, SE² = 2 · (1/4 + 1/4) / 16."""
    table = ScoreTable(("x", "y"), ("a", "a"), np.array([1.0, 1.0]), np.array([1.0, 3.0]))
    estimate = task_estimates(table)["a"]
    assert (estimate.value, estimate.standard_error) == (0.5, pytest.approx(0.25))


def test_overall_is_the_mean_of_tasks_not_of_prompts() -> None:
    estimates = {"a": Estimate(0.2, 0.03, 100), "b": Estimate(0.6, 0.04, 10)}
    both = overall(estimates)
    assert (both.value, both.standard_error, both.prompts) == (pytest.approx(0.4), pytest.approx(0.025), 110)
    assert overall(estimates, {"a": 1.0, "b": 0.0}).value == pytest.approx(0.2)
    assert overall({**estimates, "c": Estimate(1.0, None, 1)}).standard_error is None
    with pytest.raises(BenchmarkError, match="'b' has no weight"):
        overall(estimates, {"a": 1.0})


def test_coverage_of_the_overall_standard_error() -> None:
    """About 95 % of runs lie within 1.96 SE of the truth, with images of a prompt fully correlated."""
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(400):
        estimate = overall(task_estimates(table({t: (4 * rng.binomial(1, 0.3, 60)).tolist() for t in "abc"})))
        assert estimate.standard_error is not None
        inside += abs(estimate.value - 0.3) < 1.96 * estimate.standard_error
    assert 0.91 < inside / 400 < 0.98


@pytest.mark.parametrize("total", [0.0, -1.0])
def test_tables_that_make_no_sense(total: float) -> None:
    with pytest.raises(BenchmarkError, match="no answered prompt"):
        ScoreTable(("x",), ("a",), np.array([0.0]), np.array([total]))
    with pytest.raises(BenchmarkError, match="one row per prompt"):
        ScoreTable(("x", "y"), ("a",), np.array([0.0]), np.array([1.0]))


# --- paired bootstrap --------------------------------------------------------------------------


def test_bootstrap_agrees_with_scipy() -> None:
    rng = np.random.default_rng(2)
    first, second = random_table(rng, 0.3, (90,)), random_table(rng, 0.42, (90,))
    ours = paired_bootstrap(first, second, np.random.default_rng(3))["overall"]

    def gap(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        return (b.mean(axis) - a.mean(axis)) / 4

    theirs = stats.bootstrap(
        (first.correct, second.correct), gap, paired=True, method="percentile", n_resamples=20_000, rng=4
    )
    assert ours.value == pytest.approx(float(gap(first.correct, second.correct)))
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.004)
    z = ours.value / theirs.standard_error
    assert ours.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), abs=0.01)


def test_tasks_are_strata_and_the_overall_is_their_mean() -> None:
    """Without variation inside tasks nothing varies; pooling tasks of different size would."""
    first, second = table({"a": [0] * 5, "b": [4] * 20}), table({"a": [2] * 5, "b": [4] * 20})
    found = paired_bootstrap(first, second, np.random.default_rng(0), resamples=200)
    assert (found["a"].value, found["a"].low, found["a"].high) == (0.5, 0.5, 0.5)
    assert (found["overall"].value, found["overall"].low, found["overall"].high) == (0.25, 0.25, 0.25)
    assert (found["overall"].first, found["overall"].second, found["overall"].prompts) == (0.5, 0.75, 25)
    assert found["b"].p_value == 1.0
    assert found["a"].p_value == pytest.approx(2 / 201)


def test_pairing_uses_that_prompts_are_the_same() -> None:
    """One more right image on every prompt: certain, however much prompts differ."""
    first = random_table(np.random.default_rng(5), 0.4)
    second = ScoreTable(first.prompts, first.tasks, first.correct + 0.4, first.total)
    found = paired_bootstrap(first, second, np.random.default_rng(0), resamples=500)["overall"]
    assert found.high - found.low < 1e-12
    assert found.value == pytest.approx(0.1)


def test_a_task_of_one_prompt_gives_no_interval_and_no_p() -> None:
    """Drawn again the prompt is itself, as if no other could come out otherwise."""
    first, second = table({"a": [0, 1, 2], "b": [1]}), table({"a": [2, 2, 4], "b": [4]})
    found = paired_bootstrap(first, second, np.random.default_rng(0), resamples=200)
    assert found["a"].low < found["a"].value < found["a"].high
    for name, value in (("b", 0.75), ("overall", (5 / 12 + 0.75) / 2)):
        assert found[name].value == pytest.approx(value)
        assert np.isnan([found[name].low, found[name].high, found[name].p_value]).all()


def test_last_digits_are_no_difference() -> None:
    first = table({"a": [1, 1, 2], "b": [3, 0, 4]})
    second = ScoreTable(first.prompts, first.tasks, first.correct + 1e-14, first.total)
    found = paired_bootstrap(first, second, np.random.default_rng(0), resamples=200)["overall"]
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_rows_are_matched_by_prompt() -> None:
    rng = np.random.default_rng(6)
    first, second = random_table(rng, 0.3), random_table(rng, 0.5)
    order = rng.permutation(len(second.prompts))
    shuffled = ScoreTable(
        tuple(second.prompts[i] for i in order),
        tuple(second.tasks[i] for i in order),
        second.correct[order],
        second.total[order],
    )
    straight = paired_bootstrap(first, second, np.random.default_rng(0), resamples=50)
    assert paired_bootstrap(first, shuffled, np.random.default_rng(0), resamples=50) == straight


def test_the_same_seed_gives_the_same_figures_and_exchange_the_opposite() -> None:
    rng = np.random.default_rng(7)
    first, second = random_table(rng, 0.3), random_table(rng, 0.35)
    one = paired_bootstrap(first, second, np.random.default_rng(8), resamples=1000)["overall"]
    two = paired_bootstrap(second, first, np.random.default_rng(8), resamples=1000)["overall"]
    assert (two.value, two.low, two.high) == pytest.approx((-one.value, -one.high, -one.low))
    assert two.p_value == one.p_value


def test_other_prompts_are_refused() -> None:
    first = table({"a": [1, 2]})
    other = ScoreTable(("0", "7"), ("a", "a"), first.correct, first.total)
    with pytest.raises(
        BenchmarkError, match=r"do not hold the same prompts: 1 \(a\) is in only one of them \(2 such\)"
    ):
        paired_bootstrap(first, other, np.random.default_rng(0))
    twice = ScoreTable(("0", "0"), ("a", "a"), first.correct, first.total)
    with pytest.raises(BenchmarkError, match="same prompt twice"):
        paired_bootstrap(twice, twice, np.random.default_rng(0))


# --- Wilson, AUC, calibration ------------------------------------------------------------------


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 7), (50, 50), (81, 263)])
def test_wilson_agrees_with_scipy(k: int, n: int) -> None:
    theirs = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(k, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(1, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_what_is_no_proportion(k: int, n: int) -> None:
    with pytest.raises(ConfigError, match="is no proportion"):
        wilson_interval(k, n)


def test_auc_by_hand_and_by_mann_whitney() -> None:
    assert auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True])) == 3.5 / 4
    rng = np.random.default_rng(10)
    scores, labels = rng.integers(0, 20, 200).astype(float), rng.random(200) < 0.3
    pairs = labels.sum() * (~labels).sum()
    theirs = stats.mannwhitneyu(scores[labels], scores[~labels]).statistic / pairs
    assert auc(scores, labels) == pytest.approx(theirs)
    with pytest.raises(BenchmarkError, match="there is no AUC"):
        auc(scores, np.ones(200, dtype=bool))


def test_auc_interval_is_wider_when_images_repeat() -> None:
    """Every item four times over is not four times the evidence, and clusters say so."""
    rng = np.random.default_rng(11)
    labels = rng.random(60) < 0.5
    scores = rng.normal(labels.astype(float), 1.0)
    low, high = auc_interval(scores, labels, np.random.default_rng(0))
    assert low < auc(scores, labels) < high
    fourfold = np.repeat(scores, 4), np.repeat(labels, 4)
    assert auc_interval(*fourfold, np.random.default_rng(0), clusters=np.repeat(np.arange(60), 4)) == pytest.approx(
        (low, high)
    )
    narrow = auc_interval(*fourfold, np.random.default_rng(0))
    assert (narrow[1] - narrow[0]) < 0.6 * (high - low)


def test_calibration_by_hand() -> None:
    bins = calibration_bins(np.array([0.0, 0.1, 0.95, 0.85, 1.0]), np.array([0.0, 1.0, 1.0, 0.0, 1.0]))
    assert [(one.count, round(one.low, 1), one.accuracy) for one in bins] == [
        (2, 0.0, 0.5),
        (1, 0.8, 0.0),
        (2, 0.9, 1.0),
    ]
    assert expected_calibration_error(bins) == pytest.approx((2 * 0.45 + 0.85 + 2 * 0.025) / 5)
    assert expected_calibration_error([Bin(0, 1, 10, 0.5, 0.5)]) == 0
    with pytest.raises(ConfigError, match="needs probabilities"):
        calibration_bins(np.array([1.2]), np.array([1.0]))


def test_auc_of_a_single_cluster_has_no_interval() -> None:
    scores, labels = np.array([0.1, 0.7, 0.4, 0.9]), np.array([False, True, True, False])
    assert np.isnan(auc_interval(scores, labels, np.random.default_rng(0), clusters=np.zeros(4, int))).all()
