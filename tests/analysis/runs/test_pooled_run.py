"""Pooled images of a prompt are one image with all their trajectories."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scalingar.analysis.replay.replay import replay_strategy
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.pooled_run import PooledRun
from scalingar.analysis.studies.scaling import scaling_findings
from scalingar.core.errors import BenchmarkError
from scalingar.strategies import ScalingAR
from tests.analysis.made_up_runs import random_traces, write_made_up

PROMPTS, EACH, N, STEPS = 3, 4, 2, 12
SHAPE = (PROMPTS * EACH, N)


@pytest.fixture
def run(tmp_path: Path) -> CompleteRun:
    points = np.random.default_rng(3).integers(0, 2, SHAPE).astype(float)
    rewards = {"r": np.arange(points.size, dtype=float).reshape(SHAPE)}
    return CompleteRun.read(write_made_up(tmp_path / "run", points, rewards=rewards, images_per_prompt=EACH))


def test_arrays_are_those_of_a_run_of_that_many_trajectories(run: CompleteRun, tmp_path: Path) -> None:
    pooled = PooledRun.of(run, 2)
    wide = (PROMPTS * EACH // 2, 2 * N)
    traces = random_traces(np.random.default_rng(0), *SHAPE, STEPS)
    drawn = CompleteRun.read(
        write_made_up(
            tmp_path / "wide",
            run.points.reshape(wide),
            traces={name: values.reshape(*wide, STEPS) for name, values in traces.items()},
            images_per_prompt=EACH // 2,
        )
    )
    assert (pooled.images, pooled.trajectories, pooled.prompts) == (6, 4, drawn.prompts)
    assert (pooled.points == drawn.points).all()
    assert (pooled.rewards["r"][0] == [0, 1, 2, 3]).all()
    strategy = ScalingAR(num_trajectories=4, guidance={"enabled": False})
    found, expected = (replay_strategy(run, strategy) for run in (pooled, drawn))
    assert np.array_equal(found.confidence, expected.confidence, equal_nan=True)
    assert (found.cut_step == expected.cut_step).all()


def test_scaling_goes_on_to_all_trajectories_of_a_prompt(run: CompleteRun) -> None:
    by_reward: dict[Any, dict[str, Any]] = {
        row["N"]: dict(row) for row in scaling_findings(run).rows if row["rule"] == "r"
    }
    assert {n: row["images"] for n, row in by_reward.items()} == {2: 12, 4: 6, 8: 3}
    # The reward grows with the candidate's number, so it hands out the last of each prompt.
    assert by_reward[8]["score"].value == run.points[EACH - 1 :: EACH, -1].mean()
    assert by_reward[8]["tokens/image"] == 8 * STEPS


def test_images_that_cannot_be_shared_out_are_refused(run: CompleteRun) -> None:
    with pytest.raises(BenchmarkError, match="4 images per prompt; 3 of them cannot be pooled"):
        PooledRun.of(run, 3)
