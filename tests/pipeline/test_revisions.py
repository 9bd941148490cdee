"""Recipes tell the commit of everything that was read from the hub, and read it again; the hub is played."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from scalingar import ImagePipeline
from scalingar.models.embedded.installed_weights import embedded_folder
from scalingar.pipeline.model_choice import ModelChoice
from scalingar.pipeline.recipe import Recipe
from scalingar.rewards.image_reward import ImageReward

OLD, NEW = "1" * 40, "2" * 40


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """A hub whose repositories all hold the embedded model and are at ``newest``; it keeps what it is asked."""
    for commit in (OLD, NEW):
        (tmp_path / "snapshots").mkdir(exist_ok=True)
        (tmp_path / "snapshots" / commit).symlink_to(embedded_folder("next-token"))
    fake = SimpleNamespace(newest=OLD, asked=[])

    def folder(repo: str, *, revision: str | None, **_: Any) -> str:
        fake.asked.append((repo, revision))
        return str(tmp_path / "snapshots" / (revision or fake.newest))

    def file(repo: str, name: str, *, revision: str | None) -> str:
        return f"{folder(repo, revision=revision)}/{name}"

    fake.snapshot_download, fake.hf_hub_download = folder, file
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return fake


def test_the_recipe_reads_the_same_commits_again(hub: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageReward, "prepare", lambda self: None)  # its tokenizer is transformers' to fetch
    pipe = ImagePipeline.from_pretrained("someone/world")
    reward = pipe.reward("image-reward:someone/judge")
    hub.newest = NEW  # while the reward waits to be loaded
    assert Path(reward.location).parent.name == NEW
    recipe = pipe("a photo of a cat", strategy="single").infos[0].recipe
    assert recipe.model.name == f"someone/world@{OLD}"
    assert recipe.model.revisions == {"someone/judge": NEW}
    hub.newest, hub.asked = "3" * 40, []
    again = ImagePipeline.load(Recipe.from_dict(recipe.to_dict()).model)
    assert Path(again.reward("image-reward:someone/judge").location).parent.name == NEW
    assert dict(hub.asked) == {"someone/world": OLD, "someone/judge": NEW}


def test_moving_a_pipeline_reads_the_same_commits(hub: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageReward, "prepare", lambda self: None)
    pipe = ImagePipeline.from_pretrained("someone/world")
    assert Path(pipe.reward("image-reward:someone/judge").location).parent.name == OLD
    hub.newest = NEW
    pipe.to(torch.bfloat16)
    assert pipe.choice_as_read.revisions == {"someone/judge": OLD}
    assert Path(pipe.reward("image-reward:someone/judge").location).parent.name == OLD


def test_embedded_models_read_nothing() -> None:
    pipe = ImagePipeline.from_pretrained()
    assert pipe.choice_as_read == ModelChoice(name="embedded")
    assert "revisions" not in pipe("a cat", strategy="single").infos[0].recipe.to_dict()["model"]
