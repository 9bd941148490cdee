import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalingar.core.errors import ConfigError, SettingsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.pipeline.model_choice import ModelChoice
from scalingar.pipeline.recipe import Recipe
from scalingar.pipeline.recipes.shipped import RECIPES
from scalingar.strategies import STRATEGIES, BestOfN, ScalingAR, Single, Strategy
from scalingar.strategies.build_strategy import build_strategy, strategy_name
from tests.tiny.pipes import Defaults


def through_yaml(recipe: Recipe, folder: Path) -> Recipe:
    path = folder / "recipe.yaml"
    path.write_text(recipe.to_yaml(), "utf-8")
    return Recipe.from_yaml(path)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_strategy_survives_yaml(name: str, tmp_path: Path) -> None:
    recipe = Recipe.from_dict({"prompt": "a dog", "strategy": name})
    assert type(recipe.strategy) is STRATEGIES[name]
    assert through_yaml(recipe, tmp_path) == recipe


OF_OTHER_MODELS = ("tts-var", "glm-image", "preview-then-finish")
"""Recipes that the embedded next-token model does not follow."""


@pytest.mark.parametrize("name", list(RECIPES))
def test_recipes_of_the_project_can_be_followed(name: str, tmp_path: Path) -> None:
    recipe = Recipe.from_yaml(name)
    assert recipe.model == ModelChoice() or name in OF_OTHER_MODELS
    assert through_yaml(recipe, tmp_path) == recipe


def test_there_are_recipes() -> None:
    assert set(RECIPES) >= {
        "scaling-ar-v3",
        "scaling-ar-v1",
        "best-of-8",
        "importance-sampling",
        "single",
        "tts-var",
    }


def test_the_papers_recipes_are_its_presets() -> None:
    assert Recipe.from_yaml("scaling-ar-v3").strategy == ScalingAR.v3()
    assert Recipe.from_yaml("scaling-ar-v1").strategy == ScalingAR.v1()


@given(
    prompt=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    seed=st.integers(0, 2**70),
    scale=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    temperature=st.floats(1e-12, 1e6),
)
def test_any_values_survive_yaml(
    tmp_path_factory: pytest.TempPathFactory, prompt: str | None, seed: int, scale: float | None, temperature: float
) -> None:
    sampling = SamplingConfig(temperature=temperature)
    recipe = Recipe(prompt=prompt, seed=seed, guidance_scale=scale, sampling=sampling)
    again = through_yaml(recipe, tmp_path_factory.getbasetemp())
    assert again == recipe
    assert again.sampling is not None
    assert again.sampling.model_fields_set == {"temperature"}


def test_yaml_is_complete() -> None:
    text = Recipe().to_yaml()
    for setting in ("quantile: 0.2", "alpha: 0.3", "name: scaling-ar", "num_images_per_prompt: 1", "dtype: fp32"):
        assert setting in text


def test_a_label_may_be_written_as_a_number(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("prompt: 207\n")
    assert Recipe.from_yaml(tmp_path / "r.yaml").prompt == "207"


def test_overrides_reach_every_level() -> None:
    words = ["strategy.gate.quantile=0.1", "seed=3", "sampling.temperature=9e-1", "model=m=n", "model.grid=[2,3]"]
    recipe = Recipe().with_overrides(words)
    assert isinstance(recipe.strategy, ScalingAR)
    assert (recipe.strategy.gate.quantile, recipe.seed, recipe.model.name) == (0.1, 3, "m=n")
    assert recipe.model.options == {"grid": (2, 3)}
    assert recipe.sampling == SamplingConfig(temperature=0.9)
    assert Recipe().with_overrides([]) == Recipe()


def test_a_preset_is_not_hidden_by_what_yaml_wrote_out(tmp_path: Path) -> None:
    complete = through_yaml(Recipe(), tmp_path)
    assert complete.with_overrides(["strategy.preset=v1"]).strategy == ScalingAR.v1()


def test_an_override_on_the_first_version_keeps_the_rest_of_it() -> None:
    first = Recipe(strategy=ScalingAR.v1())
    strategy = first.with_overrides(["strategy.gate.quantile=0.1"]).strategy
    assert isinstance(strategy, ScalingAR)
    assert strategy.gate == ScalingAR.v1().gate.model_copy(update={"quantile": 0.1})


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("strategy.gate.quantil=0.1", "strategy.gate.quantil is no setting; did you mean 'quantile'?"),
        ("strategy.gate.quantile=1.5", "strategy.gate.quantile=1.5: must be <= 1"),
        ("strategy.gat.quantile=0.1", "strategy.gat is no setting; did you mean 'gate'?"),
        ("strategy.preset=v2", "strategy.preset='v2': must be 'v3', 'v3-start' or 'v1'"),
        ("strategy.name=scalingar", "'scalingar' is not among the strategies; did you mean 'scaling-ar'?"),
        ("strategy.num_trajectories=0", "strategy.num_trajectories=0: must be >= 1"),
        ("sampling.temprature=1", "sampling.temprature is no setting; did you mean 'temperature'?"),
        ("sampling.top_p=0", "sampling.top_p=0: must be > 0"),
        ("sed=1", "sed is no setting; did you mean 'seed'?"),
        ("seed=-1", "seed=-1: must be >= 0"),
        ("noise=gpu", "noise='gpu': must be 'host' or 'device'"),
        ("guidance_scale=.nan", "guidance_scale=nan: must be a finite number"),
        ("looks_per_batch=0", "looks_per_batch=0: must be >= 1"),
        ("model.dtype=fp8", "model.dtype='fp8': must be 'fp32', 'bf16' or 'fp16'"),
        (
            "model.device=toaster",
            "model.device='toaster': must be auto or one of cpu, cuda, mps, xpu, with a number if there are several",
        ),
        ("model=5", "model=5: must be a name or settings such as {name: embedded}"),
        ("model.gird=[2,2]", "model.gird is no setting; did you mean 'grid'?"),
        ("model.devcie=cpu", "model.devcie is no setting; did you mean 'device'?"),
        ("model.grid=[2,x]", "model.grid.1='x': must be a valid integer, unable to parse string as an integer"),
        ("device=cuda", "device is a setting of the model; write it as model.device."),
        ("aspect_ratio=2", "aspect_ratio is a setting of the model; write it as model.aspect_ratio."),
        ("strategy=5", "strategy=5: must be a name or settings such as {name: scaling-ar}"),
        ("strategy={name: [1]}", "strategy={'name': [1]}: must be a name or settings such as {name: best-of-n}"),
        ("seed 5", "'seed 5' is no setting; write it as strategy.gate.quantile=0.1."),
        ("prompt=[", "'prompt=[': what follows the '=' is no YAML value; put text in quotes."),
    ],
)
def test_a_wrong_override_gets_one_sentence(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Recipe().with_overrides([override])
    assert str(caught.value) == message


def test_a_wrong_reward_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="'pmj' is not among the rewards; did you mean 'pmi'"):
        build_strategy({"name": "best-of-n", "reward": "pmj"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "is no YAML"),
        ("- 1", "holds no recipe"),
        ("seed: x", r"seed='x': must be a valid integer"),
        ("1: 2", "1 is no setting|Keys should be strings"),
    ],
)
def test_a_wrong_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        Recipe.from_yaml(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Recipe.from_yaml(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="is no YAML"):
        Recipe.from_yaml(tmp_path / "b.yaml")


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    assert Recipe.from_yaml(tmp_path / "empty.yaml") == Recipe()


def test_resolving_fills_only_what_is_open() -> None:
    models = Defaults(guidance_scale=3.0, sampling=SamplingConfig(temperature=0.7, top_k=50))
    recipe = Recipe(sampling=SamplingConfig(temperature=1.0)).resolved(models)
    assert recipe.guidance_scale == 3.0
    assert recipe.sampling == SamplingConfig(temperature=1.0, top_k=50)
    assert recipe.to_dict()["sampling"] == {
        "temperature": 1.0,
        "top_k": 50,
        "top_p": 1.0,
        "entropy_temperature": False,
        "greedy": False,
        "guidance_interval": -1,
    }
    assert Recipe(guidance_scale=1.5).resolved(models).guidance_scale == 1.5
    assert Recipe(guidance_scale=0.0).resolved(models).guidance_scale == 0.0


@pytest.mark.parametrize(("device", "looks"), [("cpu", 1), ("cuda", 8), ("cuda:1", 8), ("mps", 8)])
def test_looks_are_batched_on_accelerators_only(device: str, looks: int) -> None:
    models, choice = Defaults(guidance_scale=3.0, sampling=SamplingConfig()), ModelChoice(device=device)
    assert Recipe(model=choice).resolved(models).looks_per_batch == looks
    assert Recipe(model=choice, looks_per_batch=3).resolved(models).looks_per_batch == 3


@pytest.mark.parametrize(
    ("device", "given", "expected"),
    [
        ("cpu", None, "host"),
        ("cpu", "device", "device"),
        ("cuda", None, "device"),
        ("cuda:1", "host", "host"),
        ("mps", None, "device"),
    ],
)
def test_noise_is_made_on_the_host_for_a_cpu_unless_told(device: str, given: str | None, expected: str) -> None:
    recipe = Recipe.from_dict({"model": {"device": device}, "noise": given}).resolved(Defaults())
    assert recipe.noise == expected
    assert recipe.to_dict()["noise"] == expected


def test_names_of_strategies() -> None:
    assert strategy_name(BestOfN()) == "best-of-n"
    assert strategy_name(Single()) == "single"

    class Unregistered(Strategy):
        pass

    with pytest.raises(ConfigError, match="Unregistered is not registered"):
        strategy_name(Unregistered())


def test_a_recipe_cannot_be_changed_or_hold_nan() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Recipe().seed = 1  # type: ignore[misc]
    with pytest.raises(ValueError, match="finite"):
        Recipe(guidance_scale=math.inf)


def test_what_is_wrong_inside_a_strategy_is_a_value_error_too() -> None:
    for strategy in ({"name": "best-of-n", "num_trajectories": 0}, {"name": "best-of-m"}):
        with pytest.raises(SettingsError, match=r"num_trajectories=0|best-of-m"):
            Recipe(strategy=strategy, seed=-1)
        with pytest.raises(SettingsError, match=r"num_trajectories=0|best-of-m"):
            Recipe().model_copy(update={"strategy": strategy})
