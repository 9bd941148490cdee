"""Recipes with descriptions beside their settings."""

from pathlib import Path

import pytest

from scalingar.core.errors import WeightsError
from scalingar.core.yaml_file import parse_yaml
from scalingar.models.model_folder import PIPELINE
from scalingar.pipeline.annotated import annotated_yaml, foreseen
from scalingar.pipeline.pipeline import ImagePipeline
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


@pytest.mark.parametrize("model", ["embedded", "embedded-next-scale"])
def test_what_a_model_folder_says_is_known_before_it_is_loaded(model: str) -> None:
    told = {"model": model, "strategy": "best-of-n", "sampling": {"top_k": 5}}
    recipe = Recipe.from_dict(told)
    assert foreseen(recipe) == recipe.resolved(ImagePipeline.load(recipe.model))
    assert foreseen(Recipe.from_dict({**told, "guidance_scale": 3, "noise": "device"})).guidance_scale == 3


def test_what_is_not_known_is_left_to_the_model() -> None:
    recipe = Recipe.from_dict({"model": "somebody/model", "strategy": "best-of-n"})
    known = foreseen(recipe)
    assert (known.guidance_scale, known.sampling, known.strategy.needs().reward) == (None, None, None)
    assert (known.looks_per_batch, known.noise) == (1, "host"), "these go by the device"
    lines = annotated_yaml(recipe).splitlines()
    assert "guidance_scale: null  # s_base; the model's own if None" in lines
    assert "sampling: null  # replaces the model's own, where set; None: all as the model has it" in lines


def test_what_is_left_to_the_model_or_device_is_a_comment() -> None:
    """So that another model or device still brings its own."""
    recipe = Recipe.from_dict({"strategy": "best-of-n", "seed": 3})
    text = annotated_yaml(recipe)
    lines = text.splitlines()
    assert "guidance_scale: null  # s_base; the model's own if None; of this model: 2.0" in lines
    assert "  # temperature: 1.0  # divides the logits; at 0 nearly greedy; of this model" in lines
    assert any(line.startswith("  reward: null  # ") and line.endswith("; of this model: embedded") for line in lines)
    assert any(line.startswith("noise: null  # ") and line.endswith("; on this device: host") for line in lines)
    assert any(line.startswith("looks_per_batch: null  # ") and line.endswith("; on this device: 1") for line in lines)
    moved = {"model": {"name": "FoundationVision/LlamaGen:t2i-xl-256", "device": "cuda"}}
    read = Recipe.from_dict(parse_yaml(text) | moved)
    assert read == Recipe.from_dict(moved | {"strategy": "best-of-n", "seed": 3})
    assert (read.by_device(), read.sampling) == ({"looks_per_batch": 8, "noise": "device"}, None)


@pytest.mark.parametrize("sampling", [None, {"top_k": 5}])
def test_what_is_left_to_the_model_counts_once_its_mark_is_gone(sampling: dict[str, int] | None) -> None:
    text = annotated_yaml(Recipe.from_dict({"strategy": "single", "sampling": sampling}))
    said = parse_yaml(text.replace("# temperature: 1.0", "temperature: 0.5"))["sampling"]
    assert said == {"temperature": 0.5, **(sampling or {})}


def test_a_damaged_model_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / PIPELINE).write_text("{}")
    with pytest.raises(WeightsError, match="is damaged"):
        foreseen(Recipe.from_dict({"model": str(tmp_path), "strategy": "single"}))
