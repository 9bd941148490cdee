"""Recipes with descriptions beside their settings."""

from pathlib import Path

import pytest

from scalingar.pipeline.annotated import annotated_yaml
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies import STRATEGIES

PROMPT = "a dog: 'red' # and \"blue\" " + "word " * 40 + "\nnext: line"


@pytest.mark.parametrize("name", list(STRATEGIES))
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_same_recipe_comes_back(name: str, ascii_only: bool, tmp_path: Path) -> None:
    model = {"name": "embedded-next-scale" if name == "tts-var" else "embedded", "negative_prompt": "blurry, " * 20}
    recipe = Recipe.from_dict({"prompt": PROMPT, "strategy": name, "model": model, "sampling": {"top_k": 5}})
    text = annotated_yaml(recipe, ascii_only=ascii_only)
    assert text.isascii() or not ascii_only
    (tmp_path / "r.yaml").write_text(text)
    assert Recipe.from_yaml(tmp_path / "r.yaml") == recipe


def test_settings_say_what_they_are() -> None:
    lines = annotated_yaml(Recipe.from_dict({"strategy": "scaling-ar"})).splitlines()
    told = {line.split(":")[0].strip(): line.partition("  # ")[2] for line in lines}
    assert told["seed"] == "keys the noise; repeat j of a prompt takes seed + j"
    assert told["num_trajectories"] == "N, trajectories per image"
    assert "of the transformer" in told["dtype"]
    assert "θ_fail" in told["hard_fail"], "of a section of the strategy"
