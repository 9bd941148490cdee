"""Habits of notebooks: functions as rewards, cells that run again, bars, other devices, and what is shown."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scalingar.core.errors import ConfigError, PackageError
from scalingar.core.registry import ReplacedWarning
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.png import KEY
from scalingar.pipeline.recipe import Recipe
from scalingar.rewards import REWARDS, PixelReward, scoring
from scalingar.rewards.given import _GIVEN
from scalingar.strategies import BestOfN, TTSVar
from tests.tiny.pipes import PROMPT, tiny_pipe


@pytest.fixture(scope="module")
def pipe() -> ImagePipeline:
    return tiny_pipe()


def brightness(prompt: str, images: list[Image.Image]) -> list[float]:
    return [float(np.asarray(image).mean()) for image in images]


def darkness(prompt: str, images: list[Image.Image]) -> list[float]:
    return [-float(np.asarray(image).mean()) for image in images]


def test_a_function_is_a_reward(pipe: ImagePipeline) -> None:
    output = pipe(PROMPT, strategy=BestOfN(reward=brightness, num_trajectories=4))
    dark = pipe(PROMPT, strategy={"name": "best-of-n", "reward": darkness, "num_trajectories": 4})
    candidates = output.candidates[0]
    name = "python:tests.pipeline.test_notebooks.brightness"
    assert [one.rewards[name] for one in candidates] == brightness("", [one.image for one in candidates if one.image])
    assert output.results[0].chosen == int(np.argmax([one.rewards[name] for one in candidates]))
    assert dark.results[0].chosen == int(np.argmin([one.rewards[name] for one in candidates]))
    assert output.ledger.reward_calls == 4


def test_a_recipe_names_it_and_says_that_it_cannot_hold_it(
    pipe: ImagePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = pipe(PROMPT, strategy=BestOfN(reward=brightness, num_trajectories=2))
    told = json.loads(output.images[0].info[KEY])["recipe"]
    assert told["strategy"]["reward"] == "python:tests.pipeline.test_notebooks.brightness"
    assert Recipe.from_dict(told).strategy == output.infos[0].recipe.strategy  # here it can be followed
    monkeypatch.setattr("scalingar.rewards.given._GIVEN", {})
    with pytest.raises(ConfigError, match="was a Python function, which a recipe cannot hold; give the strategy"):
        Recipe.from_dict(told)


def test_functions_of_one_name_are_two_rewards() -> None:
    def made(value: float) -> Any:
        def same(prompt: str, images: list[Image.Image]) -> list[float]:
            return [value] * len(images)

        return same

    one, other = made(1), made(2)
    names = [BestOfN(reward=function).reward for function in (one, other, one)]
    assert names[0] == names[2] != names[1]
    assert _GIVEN[str(names[1])] is other


def test_an_object_with_a_score_is_a_reward_too_and_what_returns_nonsense_is_told(pipe: ImagePipeline) -> None:
    class Constant(PixelReward):
        def score(self, prompt: str, images: Any) -> list[float]:
            return [2.0] * len(images)

    output = pipe(PROMPT, strategy=BestOfN(reward=Constant(), num_trajectories=2))
    assert [list(one.rewards.values()) for one in output.candidates[0]] == [[2.0], [2.0]]
    with pytest.raises(ConfigError, match="is called with a prompt and a list of images, and here that is too many"):
        pipe.stream(PROMPT, strategy=BestOfN(reward=lambda images: [0.0], num_trajectories=2))
    with pytest.raises(ConfigError, match="returned 3 numbers for 2 images"):
        pipe(PROMPT, strategy=BestOfN(reward=lambda prompt, images: [0.0] * 3, num_trajectories=2))
    assert str(TTSVar(reward=brightness).reward).startswith("python:")


def test_a_cell_that_runs_again_changes_what_an_older_pipeline_uses(
    pipe: ImagePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(REWARDS, "_entries", {**REWARDS._entries})

    def cell(value: float) -> None:
        def mine(prompt: str, images: list[Image.Image]) -> list[float]:
            return [value] * len(images)

        mine.__module__ = "__main__"
        REWARDS.register("mine")(scoring(mine))

    cell(1.0)
    strategy = BestOfN(reward="mine", num_trajectories=1)
    assert pipe(PROMPT, strategy=strategy).results[0].best.rewards == {"mine": 1.0}
    with pytest.warns(ReplacedWarning, match="'mine' among the rewards is replaced"):
        cell(2.0)
    assert pipe(PROMPT, strategy=strategy).results[0].best.rewards == {"mine": 2.0}


def test_representations_are_one_line_and_notebooks_see_the_sheet(pipe: ImagePipeline) -> None:
    output = pipe([PROMPT, "a dog"], strategy="scaling-ar", num_trajectories=3, seed=7)
    for shown in (output, output.results[0], *output.candidates[0]):
        assert "\n" not in repr(shown)
        assert len(repr(shown)) < 250
    assert repr(output.pipe) == "<ImagePipeline: tiny, next-token, on cpu>"
    assert repr(output).startswith("<ImageOutput: 2 images, 6 trajectories, ")
    assert f"{output.ledger.tokens} tokens" in repr(output)
    assert output._repr_html_().count('<img style="max-width:100%"') == 2
    assert repr(output.results[1]).startswith("<PromptResult of 'a dog', seed 7: #")
    assert "finished" in repr(output.results[0].best)


def test_a_bar_changes_nothing(
    pipe: ImagePipeline, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = pipe([PROMPT, "a dog"], strategy="random-of-n", num_trajectories=2)
    barred = pipe([PROMPT, "a dog"], strategy="random-of-n", num_trajectories=2, progress=True)
    assert [image.tobytes() for image in barred.images] == [image.tobytes() for image in plain.images]
    err = capsys.readouterr().err
    assert "drawing: 100%" in err
    assert "32/32" in err
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(PackageError, match=r"progress=True needs tqdm, which is not installed; pip install .*tqdm"):
        pipe(PROMPT, progress=True)


def test_to_another_device_or_dtype() -> None:
    pipe = ImagePipeline.from_pretrained("embedded")
    model = pipe.model
    assert pipe.to("cpu") is pipe
    assert pipe.model is model  # nothing was to be done
    assert pipe.to(torch.bfloat16) is pipe
    assert pipe.choice is not None
    assert (pipe.choice.dtype, pipe.choice.device) == (torch.bfloat16, "cpu")
    assert next(pipe.model.parameters()).dtype == torch.bfloat16  # type: ignore[union-attr]
    assert pipe.to("cpu", "fp32").choice == ImagePipeline.from_pretrained("embedded").choice
    with pytest.raises(ConfigError, match=r"model.device='tpu': must be auto or one of cpu, cuda, mps, xpu"):
        pipe.to("tpu")
    with pytest.raises(ConfigError, match="was put together in Python; put it together on cuda again"):
        tiny_pipe().to("cuda")


def test_what_pipelines_of_diffusers_have(pipe: ImagePipeline) -> None:
    with pytest.raises(AttributeError, match="enable_model_cpu_offload does not exist: the whole model is on one"):
        pipe.enable_model_cpu_offload()
    with pytest.raises(AttributeError, match="'ImagePipeline' object has no attribute 'nothing'"):
        pipe.nothing  # noqa: B018
    assert not hasattr(pipe, "vae")


class Judge:
    """Bound methods are made anew at every access."""

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """All the same."""
        return [0.0] * len(images)


def test_a_method_of_one_object_is_one_reward() -> None:
    judge = Judge()
    first, again, other = (BestOfN(reward=each).reward for each in (judge.score, judge.score, Judge().score))
    assert first == again
    assert other != first
