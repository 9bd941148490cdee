"""``scalingar studio``: words and options become a recipe and the server's settings, and faults a sentence."""

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from scalingar.cli.main import main
from scalingar.pipeline.recipe import Recipe


def test_words_and_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[Recipe, dict[str, Any], bool]] = []
    monkeypatch.setattr(
        "scalingar.serve.start.serve", lambda recipe, settings, *, check: calls.append((recipe, settings, check))
    )
    words = ["embedded", "--strategy", "best-of-n", "-n", "3", "--runs", str(tmp_path), "--max-trajectories", "4"]
    assert main(["studio", *words, "guidance_scale=2", "--check"]) == 0
    ((recipe, settings, check),) = calls
    assert (recipe.model.name, recipe.guidance_scale, recipe.strategy.num_trajectories) == ("embedded", 2.0, 3)
    assert check
    expected = {"rewards": (), "port": 7860, "no_auth": False, "runs": tmp_path, "max_trajectories": 4}
    assert settings == expected


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["no/such/model", "--port", "0"], 1, "no/such/model"),
        (["embedded", "other"], 2, "'embedded' and 'other' are two models; a server has one"),
        (["--host", "0.0.0.0", "--port", "0"], 1, "there is no key"),
        (["--runs", "{folder}", "--port", "0"], 1, "{folder} holds no run; give a folder written by 'bench run'."),
        (["--strategy", "worst-of-n"], 1, "'worst-of-n' is not among the strategies"),
    ],
)
def test_wrong_words_get_a_sentence(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["studio", *(word.format(folder=tmp_path) for word in words)]) == code
    told = capsys.readouterr().err
    assert message.format(folder=tmp_path) in told
    assert "Traceback" not in told


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["studio", "--port", str(port)]) == 1
    assert f"cannot listen at 127.0.0.1, port {port}: Address already in use" in capsys.readouterr().err


def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["studio"]) == 1
    assert "the studio needs gradio, which is not installed; pip install " in capsys.readouterr().err
