"""Recipes and suites that come with the package are found by name, from anywhere, and other texts are paths."""

from pathlib import Path

import pytest

from scalingar.core.errors import ConfigError
from scalingar.pipeline.recipe import Recipe
from scalingar.pipeline.recipes.shipped import RECIPES, SUITES, Shelf
from scalingar.strategies import BestOfN, Single

SHELVES = [(shelf, name) for shelf in (RECIPES, SUITES) for name in shelf]


@pytest.mark.parametrize(("shelf", "name"), SHELVES, ids=[f"{shelf.kind} {name}" for shelf, name in SHELVES])
def test_every_file_begins_with_a_sentence(shelf: Shelf, name: str) -> None:
    assert shelf.find(name).is_file()
    assert shelf.find(name).read_text("utf-8").startswith("# ")
    assert 30 < len(shelf.sentence(name)) < 120
    assert not shelf.sentence(name).startswith("#")


def test_names_say_their_folder() -> None:
    assert "papers/tts-var" in set(SUITES)
    assert SUITES.find("papers/tts-var") != SUITES.find("tts-var")
    assert not any("/" in name for name in RECIPES)


def test_a_name_means_the_same_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "single").write_text("strategy: best-of-n")
    assert isinstance(Recipe.from_yaml("single").strategy, Single)
    assert isinstance(Recipe.from_yaml("./single").strategy, BestOfN)
    assert isinstance(Recipe.from_yaml(Path("single")).strategy, BestOfN)
    (tmp_path / "single.yaml").write_text("strategy: best-of-n")
    assert isinstance(Recipe.from_yaml("single.yaml").strategy, BestOfN)


def test_a_home_is_spelled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert RECIPES.find("~/r.yaml") == tmp_path / "r.yaml"


@pytest.mark.parametrize(
    ("shelf", "name", "message"),
    [
        (RECIPES, "best-of-9", "there is no recipe 'best-of-9', and no such file; did you mean 'best-of-8'?"),
        (SUITES, "papers/scalingar", "did you mean 'papers/scaling-ar'?"),
        (SUITES, "qqq", "choose from ablation, "),
        (RECIPES, "a" * 300, "there is no recipe 'aaa"),
        (RECIPES, "single.yaml", "no file 'single.yaml'; the recipe that comes with the package is named 'single'."),
        (SUITES, "papers/tts-var.yml", "the suite that comes with the package is named 'papers/tts-var'."),
    ],
)
def test_an_unknown_name_gets_the_nearest(
    shelf: Shelf, name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        shelf.find(name)
    assert message in str(caught.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"cannot read the recipe nowhere\.yaml: No such file"):
        Recipe.from_yaml("nowhere.yaml")
    with pytest.raises(ConfigError, match=r"cannot read the recipe a+\.yaml: File name too long"):
        Recipe.from_yaml("a" * 300 + ".yaml")
