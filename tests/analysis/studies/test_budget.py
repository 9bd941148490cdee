"""Budgets on made-up runs: a reward that knows, and one that does not."""

from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.outcomes.selection import best_by
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.prompt_split import fitting_images
from scalingar.analysis.studies.budget import Budget, budget_findings, calibrated
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.policy.allocation import AllocationRule
from scalingar.policy.stopping import StoppingRule
from tests.analysis.made_up_runs import write_made_up

N = 6


@pytest.fixture
def run(tmp_path: Path) -> CompleteRun:
    """Prompts from easy to hard; right images have a reward of 3 to 4, wrong ones of 0 to 1."""
    rng = np.random.default_rng(0)
    points = (rng.random((60, N)) < np.linspace(0.9, 0.1, 60)[:, None]).astype(float)
    return CompleteRun.read(
        write_made_up(tmp_path / "run", points, rewards={"r": 3 * points + rng.random(points.shape)})
    )


def test_a_reward_that_knows_reaches_best_of_n_for_less(run: CompleteRun) -> None:
    budget, fit = Budget.of(run, "r", 0), fitting_images(run, 0)
    whole = best_by(run, "r", N).points[fit].mean()
    rule = calibrated(budget, "stop-when-good", reach=whole)
    assert isinstance(rule, StoppingRule)
    outcome = budget.outcome(rule, "")
    assert outcome.points[fit].mean() >= whole
    assert outcome.tokens[fit].mean() < 0.6 * N * run.tokens_per_trajectory
    assert rule.threshold is not None
    assert 0.9 < rule.threshold <= 4


def test_the_rule_keeps_to_its_cost_and_is_chosen_by_the_reward_alone(run: CompleteRun) -> None:
    budget, fit = Budget.of(run, "r", 0), fitting_images(run, 0)
    rule = calibrated(budget, "stop-when-good", wave=2, trajectories=3.0)
    assert isinstance(rule, StoppingRule)
    taken = rule.taken(budget.rewards)
    assert rule.wave == 2
    assert taken[fit].mean() <= 3
    values = [
        budget.picked(other.taken(budget.rewards))[fit].mean()
        for other in budget.stopping_rules(2)
        if other.taken(budget.rewards)[fit].mean() <= 3
    ]
    assert budget.picked(taken)[fit].mean() == max(values)


def test_points_are_those_of_the_best_of_what_was_drawn(run: CompleteRun) -> None:
    budget = Budget.of(run, "r")
    assert np.array_equal(budget.outcome(StoppingRule(), "").points, best_by(run, "r", N).points)
    first = budget.outcome(StoppingRule(threshold=-1e9), "")
    assert np.array_equal(first.points, run.points[:, 0])
    assert (first.tokens == run.tokens_per_trajectory).all()


def test_what_is_told_is_of_the_other_half(run: CompleteRun) -> None:
    rule, findings = budget_findings(run, "r", trajectories=3.0, seed=1)
    assert isinstance(rule, StoppingRule)
    fit = fitting_images(run, 1)
    row = findings.rows[0]
    taken = rule.taken(Budget.of(run, "r").rewards)
    assert row["trajectories"] == pytest.approx(taken[~fit].mean())
    assert row["fitted"] == pytest.approx(Budget.of(run, "r").outcome(rule, "").points[fit].mean())
    chance = next(row for row in findings.rows if row["rule"] == "the same numbers by chance")
    assert chance["tokens/image"] == row["tokens/image"]
    assert "chosen on 30 images by the reward, and told on the other 30" in findings.notes[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give either trajectories.*; neither is given"),
        ({"reach": float("nan")}, "reach is nan; it must be a score above 0"),
        ({"reach": -4.0}, "reach is -4; it must be a score above 0"),
        ({"trajectories": 3.0, "reach": 0.5}, "give either trajectories.*; both are given"),
        ({"trajectories": 0.5}, "0.5 trajectories per image are not between a wave, 1, and the run's 6"),
        ({"trajectories": 9.0}, "9 trajectories per image are not between"),
        ({"trajectories": 2.0, "wave": 3}, "not between a wave, 3"),
        ({"trajectories": 2.0, "wave": 7}, "a wave of 7 trajectories is not between 1 and the run's 6"),
        ({"reach": 1.1}, "no rule reaches a score of 1.1; the best of 6 by r scores"),
    ],
)
def test_what_cannot_be_had_is_refused(run: CompleteRun, settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        budget_findings(run, "r", **settings)  # type: ignore[arg-type]


def test_an_unknown_reward_is_refused(run: CompleteRun) -> None:
    with pytest.raises(BenchmarkError, match="recorded no 'x'"):
        budget_findings(run, "x", trajectories=2.0)


def test_an_allocation_spends_its_budget_where_the_best_reward_can_rise(run: CompleteRun) -> None:
    rule, findings = budget_findings(run, "r", "allocate", trajectories=3.0, seed=1)
    assert isinstance(rule, AllocationRule)
    budget = Budget.of(run, "r", 1)
    taken, tested = budget.taken(rule), ~budget.fit
    assert taken[tested].mean() == taken[budget.fit].mean() == 3
    solved, together = run.points[:, 0] == 1, budget.taken(rule, call=run.images)
    assert together[tested & solved].mean() < 0.5 * together[tested & ~solved].mean()
    rows = {row["rule"]: row for row in findings.rows}
    assert rows["allocate, all in one call"]["score"].value > rows["r-of-3.00"]["score"].value  # type: ignore[union-attr]
    assert {row["tokens/image"] for row in list(rows.values())[:5]} == {3.0 * run.tokens_per_trajectory}
    assert "told on the other 30" in findings.notes[0]


def test_calls_are_those_of_the_runs_shards_and_their_halves_are_apart(run: CompleteRun) -> None:
    budget, rule = Budget.of(run, "r", 0), AllocationRule(budget=2)
    first = np.flatnonzero(budget.fit)[: run.plan.shard]
    assert np.array_equal(budget.taken(rule)[first], rule.taken(budget.rewards[first]))
    whole = budget.taken(rule, call=run.images)
    assert np.array_equal(whole[budget.fit], rule.taken(budget.rewards[budget.fit]))


def test_an_allocation_for_a_score_is_the_cheapest_budget_that_reaches_it(run: CompleteRun) -> None:
    budget = Budget.of(run, "r", 0)
    rule = calibrated(budget, "allocate", reach=0.8)
    assert isinstance(rule, AllocationRule)
    assert rule.budget is not None
    assert budget.outcome(rule, "").points[budget.fit].mean() >= 0.8
    less = AllocationRule(budget=rule.budget - 0.25)
    assert budget.outcome(less, "").points[budget.fit].mean() < 0.8


def test_waves_are_of_the_stopping_rule(run: CompleteRun) -> None:
    with pytest.raises(ConfigError, match="a wave of 2 is of stop-when-good"):
        budget_findings(run, "r", "allocate", wave=2, trajectories=3.0)
