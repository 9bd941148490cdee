"""``scalingar calibrate`` from a run to a recipe that generates."""

from pathlib import Path

import numpy as np
import pytest

from scalingar.cli.main import main
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies import StopWhenGood
from tests.analysis.made_up_runs import write_made_up


def test_the_recipe_holds_the_rule_that_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = np.random.default_rng(0).integers(0, 2, (20, 4)).astype(float)
    run = write_made_up(tmp_path / "run", points, rewards={"pmi": points})
    assert main(["calibrate", str(run), "--trajectories", "2.5", "-o", str(tmp_path / "out")]) == 0
    assert "told on the other 10" in " ".join(capsys.readouterr().out.split())
    strategy = Recipe.from_yaml(tmp_path / "out" / "recipe.yaml").strategy
    assert isinstance(strategy, StopWhenGood)
    assert (strategy.reward, strategy.num_trajectories) == ("pmi", 4)
    assert strategy.rule.threshold is not None
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "budget.csv",
        "budget.md",
        "budget.png",
        "recipe.yaml",
    ]


def test_a_cost_that_cannot_be_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_made_up(tmp_path / "run", np.ones((8, 4)), rewards={"r": np.ones((8, 4))})
    assert main(["calibrate", str(run), "--trajectories", "9", "-o", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("error: 9 trajectories per image are not between")
