"""Starting: settings, the address, and a model that cannot be loaded."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.pipeline.model_choice import ModelChoice
from scalingar.pipeline.recipe import Recipe
from scalingar.rewards.reward import REWARDS, PixelReward
from scalingar.serve.loading import load_offer
from scalingar.serve.pictures import without_path, without_paths
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


class Lazy(PixelReward):
    """Finds out at the first score that its weights are damaged."""

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """Raises WeightsError."""
        raise WeightsError("the weights are cut short.")


def test_what_fails_at_the_first_picture_fails_before_the_first_request() -> None:
    with REWARDS.temporarily("lazy", lambda source, *, device: Lazy()):
        recipe = Recipe.from_dict({"strategy": {"name": "best-of-n", "reward": "rank-sum:embedded,lazy"}})
        with pytest.raises(WeightsError, match="cut short"):
            load_offer(recipe, ServerSettings().limits)


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
    named = {f"vqa-score:{tmp_path}?batch=1": f"vqa-score:{tmp_path.name}?batch=1"}
    named[f"rank-sum:0.5*image-reward:{tmp_path},pmi"] = f"rank-sum:0.5*image-reward:{tmp_path.name},pmi"
    named["judge:m?questions=~/secret/q.json"] = "judge:m?questions=q.json"
    named["vqa-score:org/model?batch=1"] = "vqa-score:org/model?batch=1"
    assert {name: without_path(name) for name in named} == named
    recipe = Recipe.from_dict(
        {"model": {"name": "org/model"}, "strategy": {"name": "best-of-n", "reward": "clip-score:a/b"}}
    )
    assert without_paths(recipe) is recipe
