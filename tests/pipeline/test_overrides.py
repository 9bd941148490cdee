from typing import Any

import pytest

from scalingar.core.errors import ConfigError
from scalingar.pipeline.overrides import merged
from scalingar.pipeline.recipe import Recipe, parse_override, parse_overrides


def test_puts_values_at_their_place_and_leaves_the_rest() -> None:
    given = {"seed": 1, "sampling": {"top_k": 3, "top_p": 0.5}}
    assert merged(given, {"sampling.top_k": 5, "model": "m"}) == {
        "seed": 1,
        "sampling": {"top_k": 5, "top_p": 0.5},
        "model": {"name": "m"},
    }
    assert given == {"seed": 1, "sampling": {"top_k": 3, "top_p": 0.5}}


def test_a_model_under_another_name_keeps_its_options() -> None:
    given = {"model": {"name": "m", "tokenizer": "vq.pt"}}
    assert merged(given, {"model": "n"}) == {"model": {"name": "n", "tokenizer": "vq.pt"}}
    assert merged(given, {"model": {"name": "n"}}) == {"model": {"name": "n"}}


def test_opens_a_section_that_was_empty() -> None:
    assert merged({"sampling": None}, {"sampling.top_k": 5}) == {"sampling": {"top_k": 5}}


def test_another_strategy_keeps_what_both_have() -> None:
    given: dict[str, Any] = {"strategy": {"name": "scaling-ar", "num_trajectories": 4, "gate": {"quantile": 0.1}}}
    assert merged(given, {"strategy.name": "best-of-n"})["strategy"] == {"name": "best-of-n", "num_trajectories": 4}
    assert merged(given, {"strategy": "best-of-n"})["strategy"] == {"name": "best-of-n", "num_trajectories": 4}
    assert merged(given, {"strategy.name": "scaling-ar"}) == given
    assert merged(given, {"strategy.name": "single"})["strategy"] == {"name": "single"}


def test_a_preset_comes_before_single_values_and_replaces_older_ones() -> None:
    given = {"strategy": {"name": "scaling-ar", "num_trajectories": 4, "gate": {"quantile": 0.1}}}
    values = {"strategy.gate.threshold_every": 3, "strategy.preset": "v1"}
    assert merged(given, values)["strategy"] == {
        "name": "scaling-ar",
        "num_trajectories": 4,
        "preset": "v1",
        "gate": {"threshold_every": 3},
    }


def test_another_strategy_must_exist() -> None:
    with pytest.raises(ConfigError, match="did you mean 'best-of-n'"):
        merged({}, {"strategy.name": "best-of-m"})


def test_a_setting_inside_of_a_value_has_no_place() -> None:
    with pytest.raises(ConfigError, match=r"sampling is 5, so sampling\.top_k has no place; leave one of them out"):
        merged({}, {"sampling": 5, "sampling.top_k": 3})
    assert merged({"gate": None}, {"gate.quantile": 0.1}) == {"gate": {"quantile": 0.1}}


@pytest.mark.parametrize("value", [None, ["x"], 5, {}])
def test_a_strategy_that_is_none_can_be_replaced(value: object) -> None:
    assert merged({"strategy": value}, {"strategy.name": "single"}) == {"strategy": {"name": "single"}}
    assert "preset" in merged({"strategy": value}, {"strategy": "scaling-ar", "strategy.preset": "v1"})["strategy"]


def test_words_that_are_set_twice_are_told() -> None:
    with pytest.raises(ConfigError, match="seed is set twice"):
        parse_overrides(["seed=1", "a=2", "seed=2"])


@pytest.mark.parametrize("text", ["a dog #1", "#1", "a\nb", "16:9", "yes", "2026-11-28", "..."])
def test_text_is_what_is_written(text: str) -> None:
    assert parse_override(f"prompt={text}") == ("prompt", text)


@pytest.mark.parametrize("text", ["0207", "1e3", "1.50", "12:30", "+5"])
def test_a_prompt_keeps_its_digits(text: str) -> None:
    assert Recipe().with_overrides([f"prompt={text}"]).prompt == text


@pytest.mark.parametrize(
    "setting", ["seed=true", "guidance_scale=true", "sampling.top_k=true", "num_images_per_prompt=true"]
)
def test_true_is_no_number(setting: str) -> None:
    with pytest.raises(ConfigError, match="=True: must be a number"):
        Recipe().with_overrides([setting])
