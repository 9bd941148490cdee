"""Arguments as people give them."""

import math
import re
from inspect import signature
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError, PromptError, ScalingarError
from scalingar.pipeline.arguments import FOREIGN, advice, prompts_of, seeds_of, whole
from scalingar.pipeline.model_choice import ModelChoice
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from tests.tiny.pipes import PROMPT, tiny_pipe


@pytest.mark.parametrize("value", [3, 3.0, "3", np.int64(3), np.float32(3), np.array(3), torch.tensor(3)])
def test_a_number_is_a_number(value: Any) -> None:
    assert whole(value, "n", 1) == 3
    assert type(whole(value, "n", 1)) is int


@pytest.mark.parametrize("value", [None, 1.5, math.nan, math.inf, "x", "1.5", "", True, [1], {}, 1j, b"1", "9" * 5000])
def test_what_is_none_is_told(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"n is .*; it must be a whole number, at least 1"):
        whole(value, "n", 1)


@pytest.mark.parametrize(
    ("given", "prompts"),
    [
        ("a dog", ["a dog"]),
        (207, ["207"]),
        (np.int64(207), ["207"]),
        ([207, "a"], ["207", "a"]),
        (("a", "b"), ["a", "b"]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([1, 2]), ["1", "2"]),
        ((text for text in "ab"), ["a", "b"]),
        (3.0, ["3"]),
    ],
)
def test_prompts(given: Any, prompts: list[str]) -> None:
    assert prompts_of(given) == prompts


@pytest.mark.parametrize("given", [None, [None], b"a dog", [b"a"], {"a": 1}, True, 1.5, math.nan, object(), [["a"]]])
def test_what_is_no_prompt_is_told(given: Any) -> None:
    with pytest.raises(PromptError, match="prompt"):
        prompts_of(given)


def test_a_generator_is_taken_for_its_seed() -> None:
    assert seeds_of(None, torch.Generator().manual_seed(7)) == 7
    assert seeds_of(None, [torch.Generator().manual_seed(seed) for seed in (7, 8)]) == [7, 8]
    for generator in (7, np.random.default_rng(), [7]):
        with pytest.raises(ConfigError, match=r"generator is .*give a torch\.Generator, or the number as seed"):
            seeds_of(None, generator)
    with pytest.raises(ConfigError, match="seed and generator are both given"):
        seeds_of(1, torch.Generator())
    pipe = tiny_pipe()
    options: tuple[dict[str, Any], ...] = (
        {"seed": 7},
        {"generator": torch.Generator().manual_seed(7)},
        {"seed": None},
        {"seed": 0},
    )
    drawn = [pipe(PROMPT, strategy="single", output_type="codes", **given).images[0] for given in options]
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[2], drawn[3])


@pytest.mark.parametrize(
    "given",
    [
        {"seed": math.nan},
        {"seed": [1, math.nan]},
        {"seed": {}},
        {"seed": True},
        {"guidance_scale": math.nan},
        {"guidance_scale": math.inf},
        {"guidance_scale": "strong"},
        {"sampling": {"temperature": math.nan}},
        {"sampling": {"temperature": math.inf}},
        {"sampling": {"top_p": math.nan}},
        {"sampling": 3},
        {"num_images_per_prompt": 1.5},
        {"num_images_per_prompt": 10**9},
        {"num_images_per_prompt": None},
        {"num_trajectories": math.nan},
        {"num_trajectories": 10**9, "strategy": "best-of-n"},
        {"strategy": {"name": "best-of-n", "reward": "pmi", "num_trajectories": 10**9}},
        {"strategy": 3},
        {"strategy": {1: 2}},
        {"max_rows": "many"},
        {"max_rows": math.nan},
        {"looks_per_batch": math.nan},
        {"noise": 1},
        {"output_type": ["pil"]},
        {"output_type": None},
        {"callback_on_step_end": 3},
        {"num_trajectory": 3},
        {"tokenizer": "x"},
        *({name: 1} for name in FOREIGN if name != "generator"),
    ],
    ids=str,
)
def test_every_other_argument_gets_one_sentence(given: dict[str, Any]) -> None:
    with pytest.raises(ScalingarError) as caught:
        tiny_pipe()(PROMPT, **given)
    message = str(caught.value)
    assert next(iter(given)).split("_")[0] in message
    assert "\n" not in message
    assert len(message) < 400


def test_numpys_numbers_are_taken_everywhere() -> None:
    recipe = Recipe.from_dict(
        {
            "prompt": np.int64(207),
            "seed": np.int64(3),
            "guidance_scale": np.float32(2),
            "sampling": {"top_k": np.int32(5)},
            "strategy": {"name": "best-of-n", "reward": "pmi", "num_trajectories": np.int64(4)},
        }
    )
    assert (recipe.prompt, recipe.seed, recipe.guidance_scale, recipe.strategy.num_trajectories) == ("207", 3, 2.0, 4)
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize("name", ["bf16", "bfloat16", "torch.bfloat16", "BF16", torch.bfloat16])
def test_dtypes_by_any_name(name: Any) -> None:
    assert ModelChoice.from_dict({"dtype": name}).dtype == torch.bfloat16


def test_devices_by_any_name() -> None:
    assert ModelChoice.from_dict({"device": 1}).device == "cuda:1"
    assert ModelChoice.from_dict({"device": "CPU"}).device == "cpu"
    for device in ("gpu", "cuda:x", -1, 1.5, "", True):
        with pytest.raises(ConfigError, match=r"model\.device"):
            ModelChoice.from_dict({"device": device})


def test_names_of_other_libraries_say_what_to_write() -> None:
    with pytest.raises(ConfigError, match=r"model\.torch_dtype is called dtype"):
        ModelChoice.from_dict({"torch_dtype": "bf16"})
    with pytest.raises(ConfigError, match="num_inference_steps has no meaning here"):
        Recipe.from_dict({"num_inference_steps": 50})
    with pytest.raises(ConfigError, match=r"temperature is a setting of sampling; write sampling\.temperature"):
        Recipe.from_dict({"temperature": 0.5})
    with pytest.raises(ConfigError, match="num_trajectory is no argument of a call; did you mean 'num_trajectories'"):
        tiny_pipe()(PROMPT, num_trajectory=3)
    with pytest.raises(ConfigError, match="tokenizer is a setting of the model; give it to from_pretrained"):
        tiny_pipe()(PROMPT, tokenizer="x")


@pytest.mark.parametrize("name", ["StableDiffusionPipeline", "StableDiffusionXLPipeline", "FluxPipeline"])
def test_every_argument_of_these_pipelines_of_diffusers_is_ours_or_has_a_sentence(name: str) -> None:
    import diffusers

    theirs = set(signature(getattr(diffusers, name).__call__).parameters) - {"self", "kwargs"}
    ours = {*signature(ImagePipeline.__call__).parameters, *ModelChoice.setting_names()}
    assert {argument for argument in theirs - ours if advice(argument) is None} == set()


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("revision", "revision stands in the name, after an @: owner/name@revision"),
        ("cache_dir", "cache_dir is left to huggingface_hub; set HF_HOME before Python starts"),
        ("use_safetensors", "use_safetensors has no meaning here"),
        (
            "reward",
            "reward is a setting of a strategy; write strategy.reward, in Python strategy={'name'",
        ),
    ],
)
def test_settings_of_from_pretrained_have_a_sentence(setting: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        ImagePipeline.from_pretrained("embedded", **{setting: "x"})


def test_what_a_callback_does_to_its_values_changes_nothing() -> None:
    def spoil(pipe: Any, step: int, total: int, values: dict[str, Any]) -> None:
        for value in values.values():
            if isinstance(value, np.ndarray):
                value.fill(math.nan)
        values["indices"].clear()

    pipe = tiny_pipe()
    given: dict[str, Any] = {
        "strategy": {"name": "scaling-ar"},
        "num_trajectories": 4,
        "seed": 1,
        "output_type": "codes",
    }
    spoiled, kept = pipe(PROMPT, callback_on_step_end=spoil, **given), pipe(PROMPT, **given)
    assert torch.equal(spoiled.images[0], kept.images[0])
    for one, other in zip(spoiled.candidates[0], kept.candidates[0], strict=True):
        assert one.fate == other.fate
        np.testing.assert_equal(one.trace, other.trace)
