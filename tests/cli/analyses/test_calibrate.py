"""``scalingar calibrate`` from a run to a recipe that generates."""

from pathlib import Path

import numpy as np
import pytest

from scalingar.cli.main import main
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies import Allocate, StopWhenGood
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


def test_another_recipe_lies_beside_its_own_table(tmp_path: Path) -> None:
    points = np.random.default_rng(0).integers(0, 2, (20, 4)).astype(float)
    run = write_made_up(tmp_path / "run", points, rewards={"pmi": points})
    for budget in ("1.5", "2.5"):
        words = ["--strategy", "allocate", "--trajectories", budget, "-o", str(tmp_path / "out")]
        assert main(["calibrate", str(run), *words]) == 0
    for name, mean in (("out", 1.5), ("out-2", 2.5)):
        strategy = Recipe.from_yaml(tmp_path / name / "recipe.yaml").strategy
        assert isinstance(strategy, Allocate)
        assert strategy.rule.budget == mean
        assert f"{mean:g} on average" in (tmp_path / name / "budget.md").read_text()


def test_a_cost_that_cannot_be_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_made_up(tmp_path / "run", np.ones((8, 4)), rewards={"r": np.ones((8, 4))})
    assert main(["calibrate", str(run), "--trajectories", "9", "-o", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("error: 9 trajectories per image are not between")


def test_an_allocation_from_images_taken_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = np.random.default_rng(0).integers(0, 2, (20, 4)).astype(float)
    run = write_made_up(tmp_path / "run", points, rewards={"pmi": points}, images_per_prompt=2)
    words = ["--strategy", "allocate", "--trajectories", "2.5", "--pool", "2", "-o", str(tmp_path / "out")]
    assert main(["calibrate", str(run), *words]) == 0
    assert "by a kernel density of its own" in capsys.readouterr().out
    strategy = Recipe.from_yaml(tmp_path / "out" / "recipe.yaml").strategy
    assert isinstance(strategy, Allocate)
    assert (strategy.reward, strategy.num_trajectories, strategy.rule.budget) == ("pmi", 8, 2.5)


def test_scores_of_a_graded_benchmark_may_be_below_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = np.random.default_rng(0).integers(-5, -2, (20, 4)).astype(float)
    words = ["calibrate", str(tmp_path / "run"), "-o", str(tmp_path / "out")]
    write_made_up(tmp_path / "run", points, rewards={"pmi": points}, benchmark="prompts")
    assert main([*words, "--reach", "-4.5"]) == 0
    assert isinstance(Recipe.from_yaml(tmp_path / "out" / "recipe.yaml").strategy, StopWhenGood)
    capsys.readouterr()
    assert main([*words, "--reach", "nan"]) == 1
    assert capsys.readouterr().err == "error: reach is nan; it must be a finite score.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--strategy", "best-of-n", "--trajectories", "2"],
            "--strategy is 'best-of-n'; choose from stop",
        ),
        (["--strategy", "allocate", "--trajectories", "0.5"], "0.5 trajectories per image are not between"),
        (["--trajectories", "2", "--pool", "3"], "has 1 image per prompt; 3 of them cannot be pooled"),
    ],
)
def test_what_cannot_be_calibrated_is_one_sentence(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_made_up(tmp_path / "run", np.ones((8, 4)), rewards={"r": np.ones((8, 4))})
    assert main(["calibrate", str(run), *words, "-o", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
