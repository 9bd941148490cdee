"""``scalingar serve``: words and options become a recipe and the server's settings."""

import sys
from pathlib import Path
from typing import Any

import pytest

from scalingar.cli.main import main
from scalingar.pipeline.recipe import Recipe


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Recipe, dict[str, Any], bool]]:
    calls: list[tuple[Recipe, dict[str, Any], bool]] = []
    monkeypatch.setattr(
        "scalingar.serve.start.serve", lambda recipe, settings, *, check: calls.append((recipe, settings, check))
    )
    return calls


def test_words_and_options(started: list[tuple[Recipe, dict[str, Any], bool]], tmp_path: Path) -> None:
    words = [
        "embedded",
        "--strategy",
        "best-of-n",
        "-n",
        "3",
        "guidance_scale=2",
        "strategy.reward=pmi",
        "--reward",
        "pmi",
    ]
    options = [
        "--reward",
        "deepconf",
        "--port",
        "0",
        "--max-rows",
        "12",
        "--api-key-file",
        str(tmp_path),
        "--device",
        "cpu",
    ]
    assert main(["serve", *words, *options]) == 0
    ((recipe, settings, check),) = started
    assert (recipe.model.name, recipe.guidance_scale, check) == ("embedded", 2.0, False)
    assert recipe.strategy.num_trajectories == 3
    assert recipe.strategy.needs().reward == "pmi"
    expected = {"rewards": ("pmi", "deepconf"), "port": 0, "max_rows": 12, "api_key_file": tmp_path, "no_auth": False}
    assert settings == {**expected, "studio": True}


def test_a_recipe_as_a_file(started: list[tuple[Recipe, dict[str, Any], bool]], tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("strategy: {name: single}\nseed: 4\n")
    assert main(["serve", "--config", str(tmp_path / "recipe.yaml"), "--check"]) == 0
    ((recipe, _, check),) = started
    assert (recipe.seed, check) == (4, True)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["embedded", "other"], 2, "'embedded' and 'other' are two models; a server has one"),
        (["--port", "99999999"], 1, "port=99999999: must be <= 65535"),
        (["--host", "0.0.0.0"], 1, "there is no key"),
        (["--strategy", "worst-of-n"], 1, "'worst-of-n' is not among the strategies"),
        (["--max-rows", "no"], 2, "Input should be a valid integer"),
        (["prompt=foo"], 1, "error: prompt is a request's; leave it out.\n"),
        (["seed=9"], 1, "error: seed is a request's; leave it out.\n"),
        (["num_images_per_prompt=2"], 1, "error: num_images_per_prompt is a request's; leave it out.\n"),
        (["strategy.name=allocate", "--check", "--port", "0"], 1, "the strategy allocate shares a budget"),
        (["colour=3"], 1, "colour is no setting"),
        (["--api-key-file", "/no/such/file"], 1, "cannot read the key in /no/such/file"),
    ],
)
def test_wrong_words_get_a_sentence(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *words]) == code
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
    assert told.count("\n") == 1


def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve"]) == 1
    assert "the server needs uvicorn, which is not installed; pip install " in capsys.readouterr().err
