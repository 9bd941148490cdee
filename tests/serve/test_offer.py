"""A request as a recipe, within what the server was started with."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from scalingar.serve.errors import ApiError
from scalingar.serve.loading import offer_of
from scalingar.serve.offer import Offer, free_texts
from scalingar.serve.protocol import ImagesRequest
from scalingar.strategies import STRATEGIES
from scalingar.strategies.build_strategy import strategy_name
from tests.serve.running import tiny_offer
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import var_pipe
from tests.tiny.verifiers import latent_verifier


def nested(depth: int) -> Any:
    inner: Any = 0
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.fixture(scope="module")
def offer() -> Offer:
    return tiny_offer(max_trajectories=16, max_rows=20, max_images=2, max_prompt=30)


def asked(**fields: Any) -> ImagesRequest:
    return ImagesRequest(**{"prompt": "a red cat", **fields})


def test_a_bare_request_is_the_servers_own_recipe(offer: Offer) -> None:
    recipe = offer.recipe(asked(model="tiny", size="auto"))
    assert recipe == offer.usual
    assert (offer.size_name, recipe.guidance_scale) == ("16x16", 3.0)
    assert offer.recipe(asked(size="16x16")) == recipe


def test_quality_keeps_the_configured_strategy(offer: Offer) -> None:
    strategy = offer.recipe(asked(quality="xhigh")).strategy
    assert strategy == offer.usual.strategy.model_copy(update={"num_trajectories": 8})


def test_fields_become_settings(offer: Offer) -> None:
    fields = {"strategy": "best-of-n", "num_trajectories": 3, "guidance_scale": 1.0, "sampling": {"top_k": 4}, "n": 2}
    recipe = offer.recipe(asked(**fields))
    assert strategy_name(recipe.strategy) == "best-of-n"
    assert recipe.strategy.needs().reward == "pmi", "the model's own"
    assert recipe.strategy.num_trajectories == 3
    assert (recipe.guidance_scale, recipe.num_images_per_prompt) == (1.0, 2)
    assert recipe.sampling is not None
    assert recipe.sampling.top_k == 4


def test_a_models_own_verifier_is_offered_and_no_folder(tmp_path: Path) -> None:
    latent_verifier(4, 16).save(tmp_path)
    usual = {"strategy": {"name": "best-of-n", "num_trajectories": 2, "reward": "pmi"}}
    offer = tiny_offer(dataclasses.replace(tiny_pipe(), own_verifier=str(tmp_path)), usual)
    for wanted in ("verifier-of-n", "verifier-halving", {"name": "best-of-n", "reward": "verifier"}):
        recipe = offer.recipe(asked(strategy=wanted))
        assert recipe.strategy.needs().verified
        assert offer.kind(recipe) == offer.kind(offer.usual), "what reads no states shares the batch"
    for word in ("verifier", "pmi", "elsewhere"):
        with pytest.raises(ApiError, match="this server was not started with it"):
            offer.recipe(asked(strategy={"name": "verifier-of-n", "verifier": word}))


def test_settings_of_a_strategy_begin_afresh(offer: Offer) -> None:
    strategy = offer.recipe(asked(strategy={"name": "scaling-ar", "gate": {"quantile": 0.2}})).strategy
    assert strategy.num_trajectories == 8


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"model": "other"}, "model", "the model 'other' is not served; it is tiny"),
        ({"prompt": "a" * 31}, "prompt", "the prompt has 31 characters; this server takes at most 30"),
        ({"prompt": "  "}, "prompt", "the prompt is empty"),
        ({"strategy": {"name": "single", "x": nested(2000)}}, "strategy", "nested too deeply"),
        ({"n": 3}, "n", "n is 3; this server takes at most 2"),
        ({"size": "1024x1024"}, "size", "the model draws 16x16"),
        ({"num_trajectories": 17}, "num_trajectories", "this server takes at most 16"),
        ({"strategy": "worst-of-n"}, "strategy", "'worst-of-n' is not among the strategies"),
        (
            {"strategy": {"name": "allocate", "reward": "pmi"}},
            "strategy",
            "the strategy allocate shares a budget",
        ),
        ({"strategy": "tts-var"}, "strategy", "is for next-scale models"),
        ({"strategy": {"name": "best-of-n", "num_trajectories": 17}}, "num_trajectories", "at most 16"),
        ({"strategy": {"name": "best-of-n", "colour": 3}}, "strategy", "strategy.colour is no setting"),
        ({"sampling": {"top_p": 3}}, "sampling", "sampling.top_p=3: must be <= 1"),
        ({"sampling": {"temprature": 1}}, "sampling", "did you mean 'temperature'"),
        ({"strategy": {"name": "best-of-n", "num_trajectories": 10**9}}, "strategy", "that is too much"),
    ],
)
def test_what_is_not_offered(offer: Offer, fields: dict[str, Any], param: str, message: str) -> None:
    with pytest.raises(ApiError) as told:
        offer.recipe(asked(**fields))
    assert told.value.param == param
    assert message in told.value.message


@pytest.mark.parametrize(
    "reward",
    [
        "image-reward", "image-reward:/etc/passwd", "clip-score:org/model", "rank-sum:pmi", "python:os.system", "~",
        "embedded", "../x", "C:\\x", "",
    ],
)  # fmt: skip
def test_a_request_names_no_reward_that_was_not_loaded(offer: Offer, reward: str) -> None:
    with pytest.raises(ApiError) as told:
        offer.recipe(asked(strategy={"name": "best-of-n", "reward": reward}))
    assert told.value.status == 400


@pytest.mark.parametrize("value", ["/etc", {"name": "a/b"}, {"name": "best-of-n", "x": [{"y": "a:b"}]}, {"a/b": 1}])
def test_nothing_is_built_from_a_path(offer: Offer, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalingar.pipeline.recipe.Recipe.from_dict", None)
    with pytest.raises(ApiError, match="names no file"):
        offer.recipe(asked(strategy=value))


def test_rewards_of_the_start_may_be_named(offer: Offer) -> None:
    more = offer_of(offer.pipe, offer.usual, offer.limits, ["rank-sum:pmi,deepconf"], "tiny")
    wanted = asked(strategy={"name": "best-of-n", "reward": "rank-sum:pmi,deepconf"})
    assert more.recipe(wanted).strategy.needs().reward == "rank-sum:pmi,deepconf"
    assert offer.recipe(asked(strategy={"name": "best-of-n", "reward": "deepconf"}))
    with pytest.raises(ApiError, match="names no file"):
        offer.recipe(wanted)


def test_rows_are_counted_where_a_strategy_starts_more_than_n() -> None:
    offer = tiny_offer(var_pipe(), {"strategy": {"name": "tts-var", "reward": "pmi"}}, max_rows=16)
    assert offer.recipe(asked(prompt="3", num_trajectories=2)).strategy.num_trajectories == 2
    with pytest.raises(ApiError, match="an image would have 24 trajectories alive; this server takes at most 16"):
        offer.recipe(asked(prompt="3", num_trajectories=3))
    with pytest.raises(ApiError, match="feature='dinov2': this server was not started with it"):
        offer.recipe(asked(prompt="3", strategy={"name": "tts-var", "feature": "dinov2"}))


def test_rows_are_counted_where_a_strategy_has_more_alive_than_it_starts() -> None:
    offer = tiny_offer(
        var_pipe(), {"strategy": {"name": "density", "num_trajectories": 4}}, max_trajectories=16, max_rows=8
    )
    with pytest.raises(ApiError, match="an image would have 12 trajectories alive; this server takes at most 8"):
        offer.recipe(asked(prompt="3", strategy="density", num_trajectories=12))


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_defaults_name_nothing(name: str) -> None:
    assert list(free_texts(STRATEGIES[name]())) == []
