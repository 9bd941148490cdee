"""Starting: settings, the address, and a model that cannot be loaded."""

import socket
from pathlib import Path
from typing import Any

import pytest

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.pipeline.model_choice import ModelChoice
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.loading import load_offer
from scalingar.serve.pictures import without_paths
from scalingar.serve.start import ServerSettings, listening, serve


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": 70_000}, "port=70000: must be <= 65535"),
        ({"max_rows": 0}, "max_rows=0: must be >= 1"),
        ({"max_seconds": float("nan")}, "max_seconds=nan: must be a finite number"),
        ({"colour": 1}, "colour is no setting"),
        ({"host": "0.0.0.0"}, "can be reached from other machines, and there is no key"),
        ({"host": "no.such.host.invalid", "no_auth": True}, "cannot listen at no.such.host.invalid, port 8000"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as told:
        serve(Recipe(), settings)
    assert message in str(told.value)


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen at 127.0.0.1, port {port}: Address already in use"):
            listening("127.0.0.1", port)


def test_a_server_without_its_model_ends(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="it is neither 'embedded' nor a file or folder that exists"):
        serve(Recipe.from_dict({"model": str(tmp_path / "missing.safetensors")}), {"port": 0})


def test_limits_are_part_of_the_settings() -> None:
    assert ServerSettings.from_dict({"max_rows": 5}).limits.max_rows == 5


def test_the_embedded_model_by_its_name() -> None:
    recipe = Recipe.from_dict({"strategy": {"name": "best-of-n"}})
    offer = load_offer(recipe, ServerSettings().limits, ["deepconf"])
    assert (offer.name, offer.size_name) == ("embedded", "96x96")
    assert {"embedded", "deepconf"} <= offer.eyes
    assert "embedded" in {name for name, _ in offer.pipe._rewards}, "loaded before the first request"


def test_pictures_do_not_tell_where_files_are(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "vq.pt").touch()
    choice = ModelChoice.from_dict(
        {"name": str(tmp_path / "model"), "tokenizer": str(tmp_path / "vq.pt"), "variant": "a/b"}
    )
    told = without_paths(Recipe.from_dict({"model": choice, "strategy": "single"})).model
    assert (told.name, told.options["tokenizer"], told.options["variant"]) == ("model", "vq.pt", "a/b")
    reward = f"image-reward:{tmp_path}"
    weighed = Recipe.from_dict({"strategy": {"name": "best-of-n", "reward": reward}})
    assert without_paths(weighed).strategy.needs().reward == f"image-reward:{tmp_path.name}"
    recipe = Recipe.from_dict(
        {"model": {"name": "org/model"}, "strategy": {"name": "best-of-n", "reward": "clip-score:a/b"}}
    )
    assert without_paths(recipe) is recipe
