"""What visitors write as a request, and the sentence they get where it is none."""

from typing import Any

import pytest

from scalingar.serve.errors import ApiError
from scalingar.serve.offer import Offer
from scalingar.serve.studio.asking import filled, has_own_count, known_settings
from scalingar.serve.studio.fields import offered, request, settings_of, usual_settings
from scalingar.strategies.build_strategy import strategy_name
from tests.serve.running import tiny_offer
from tests.tiny.scale_pipes import var_pipe


@pytest.fixture(scope="module")
def offer() -> Offer:
    return tiny_offer(max_trajectories=16)


def test_fields_become_the_recipe_of_the_command_line(offer: Offer) -> None:
    lines = "strategy.gate.quantile=0.2\n\n sampling.top_k=5 \nguidance_scale=2"
    recipe = offer.recipe(request("a red cat", "scaling-ar", lines, 3.0, 7))
    assert strategy_name(recipe.strategy) == "scaling-ar"
    assert recipe.strategy.model_dump()["gate"]["quantile"] == 0.2
    assert recipe.sampling is not None
    assert (recipe.strategy.num_trajectories, recipe.sampling.top_k, recipe.guidance_scale) == (3, 5, 2.0)


def test_a_strategy_of_one_trajectory_ignores_n(offer: Offer) -> None:
    assert offer.recipe(request("a cat", "single", "", 8, 0)).strategy.num_trajectories == 1
    assert has_own_count("single")
    assert not has_own_count("best-of-n")


def test_without_a_seed_one_is_drawn() -> None:
    seeds = {request("a cat", "single", "", None, None).seed for _ in range(4)}
    assert len(seeds) > 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("", "single", "", 1, 0), "the prompt is empty; say what the image should show."),
        ((None, "single", "", 1, 0), "the prompt is empty"),
        (("a cat", "worst-of-n", "", 1, 0), "'worst-of-n' is not among the strategies"),
        (("a cat", None, "", 1, 0), "'' is not among the strategies"),
        (("a cat", "best-of-n", "", 99, 0), "num_trajectories is 99; this server takes at most 16."),
        (("a cat", "best-of-n", "", 0, 0), "strategy.num_trajectories=0: must be >= 1"),
        (("a cat", "best-of-n", "", 2.5, 0), "must be a valid integer"),
        (("a cat", "best-of-n", "", 2, -1), "seed=-1: must be >= 0"),
        (("a cat", "best-of-n", "", float("nan"), 0), "N is nan; it must be a finite number."),
        (("a cat", "best-of-n", "", float("inf"), 0), "N is inf; it must be a finite number."),
        (("a cat", "best-of-n", "", 2, float("inf")), "seed is inf; it must be a finite number."),
        (("a cat", "best-of-n", "guidance_scale=.nan", 2, 0), "guidance_scale is nan; it must be a finite number."),
        (("a cat", "best-of-n", "sampling.top_p=-.inf", 2, 0), "sampling.top_p is -inf; it must be a finite number."),
        (("a cat", "best-of-n", "colour=3", 2, 0), "colour is no setting here"),
        (("a cat", "best-of-n", "model.name=/etc/passwd", 2, 0), "model.name is no setting here"),
        (("a cat", "best-of-n", "strategy.reward=image-reward:/etc/passwd", 2, 0), "names no file"),
        (("a cat", "best-of-n", "strategy.colour=3", 2, 0), "strategy.colour is no setting"),
        (("a cat", "best-of-n", "strategy.num_trajectories=3", 2, 0), "is set twice, also by N"),
        (("a cat", "best-of-n", "quantile 3", 2, 0), "'quantile 3' is no setting"),
        (("a cat", "best-of-n", "strategy.reward=hps-v2", 2, 0), "this server was not started with it"),
    ],
)
def test_what_is_wrong_gets_the_sentence_of_the_command_line(offer: Offer, fields: Any, message: str) -> None:
    with pytest.raises(ApiError) as told:
        offer.recipe(request(*fields))
    assert message in told.value.message


def test_only_strategies_that_the_model_can_be_drawn_with_are_offered(offer: Offer) -> None:
    assert {"single", "best-of-n", "scaling-ar"} <= set(offered(offer))
    assert not {"tts-var", "allocate"} & set(offered(offer))
    by_scale = tiny_offer(var_pipe(), {"strategy": "random-of-n"})
    assert "tts-var" in offered(by_scale)
    assert "scaling-ar" not in offered(by_scale)


def test_the_servers_own_settings_are_filled_in_and_draw_the_same(offer: Offer) -> None:
    lines = usual_settings(offer.usual.strategy)
    assert "strategy.gate.quantile=0.4" in lines.splitlines()
    recipe = offer.recipe(request("a red cat", "scaling-ar", lines, offer.usual.strategy.num_trajectories, 0))
    assert recipe.strategy == offer.usual.strategy
    choice, given, known = filled(offer)
    assert (choice["value"], given) == ("scaling-ar", lines)
    assert "strategy.gate.quantile" in known
    assert filled(offer, 1)[0]["value"] == "best-of-n"


def test_settings_are_told_with_default_and_meaning() -> None:
    names = [name for name, _, _ in settings_of("scaling-ar")]
    assert "strategy.gate.quantile" in names
    assert "strategy.num_trajectories" not in names
    assert all(meaning for name, _, meaning in settings_of("best-of-n") if name == "strategy.reward")
    assert known_settings("no-such-strategy") == ""
