from typing import Any

import pytest

from scalingar.core.errors import ConfigError
from scalingar.pipeline.overrides import merged


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
