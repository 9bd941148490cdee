"""Choosing on made-up runs in which a second signal knows what the reward does not."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson

from scalingar.analysis.outcomes.selection import best_by
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.studies.choosing import Choices, choosing_findings
from scalingar.core.errors import ConfigError
from scalingar.rewards.rank_sum import rank_sums
from tests.analysis.made_up_runs import write_made_up

N = 8


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CompleteRun:
    """Wrong images please the reward as often as right ones; those of high probability are right."""
    rng = np.random.default_rng(0)
    points = (rng.random((60, N)) < 0.4).astype(float)
    log_p = -3 + 2 * points[:, :, None] + rng.random((60, N, 12))
    rewards = {"r": points + rng.normal(size=points.shape)}
    folder = tmp_path_factory.mktemp("runs") / "run"
    return CompleteRun.read(
        write_made_up(folder, points, rewards=rewards, traces={"log_p": log_p.astype(np.float32)}, images_per_prompt=2)
    )


def test_a_signal_that_knows_is_found_and_told_on_the_other_half(run: CompleteRun) -> None:
    findings = choosing_findings(run, seed=0)
    row = next(row for row in findings.rows if (row["N"], row["kind"]) == (N, "rank sum, one signal"))
    assert {"log-likelihood", "pmi"} & set(re.split("[*,]", str(row["rule"])))  # the two that log_p decides
    assert row["against the highest reward"].low > 0  # type: ignore[union-attr]
    assert {row["N"] for row in findings.rows} == {4, 8, 16}
    assert "rules were tried in all" in findings.notes[0]


def test_a_rank_sum_here_is_the_rewards_rank_sum(run: CompleteRun) -> None:
    outcome = Choices(run, "r", N).families()["rank sum, one signal"]
    found = next(each for each in outcome if each.name == "rank-sum:r,0.5*log-likelihood")
    for image in range(run.images):
        scores = np.stack([run.rewards["r"][image], run.signals["log_likelihood"][image]])
        assert found.points[image] == run.points[image, rank_sums(scores, [1, 0.5]).argmax()]


def test_best_of_poisson_is_a_mixture_of_best_of_k(run: CompleteRun) -> None:
    outcome = next(each for each in Choices(run, "r", N).families()["best of Poisson, μ"] if each.name.endswith("(3)"))
    counts = np.clip(np.arange(60), 1, N)
    share = poisson.pmf(np.arange(60), 3)
    wanted = sum(weight * best_by(run, "r", int(count)).points for weight, count in zip(share, counts, strict=True))
    assert outcome.points == pytest.approx(wanted)
    assert outcome.tokens[0] == pytest.approx(float(share @ counts) * run.tokens_per_trajectory)


def test_a_reward_that_was_not_recorded_is_refused(run: CompleteRun) -> None:
    with pytest.raises(ConfigError, match=r"did not record the reward 'x' \(recorded: r\)"):
        choosing_findings(run, "x")


def test_a_run_without_a_reward_is_told_what_it_lacks(tmp_path: Path) -> None:
    bare = CompleteRun.read(write_made_up(tmp_path / "run", np.ones((8, 4))))
    with pytest.raises(ConfigError, match="recorded no reward to choose by; give a run of best-of-n, made with"):
        choosing_findings(bare)


def test_a_run_of_few_trajectories_is_refused(tmp_path: Path) -> None:
    points = np.ones((4, 3))
    few = CompleteRun.read(write_made_up(tmp_path / "run", points, rewards={"r": points}))
    with pytest.raises(ConfigError, match="has 3 trajectories per image; give a run of 4 or more"):
        choosing_findings(few)
