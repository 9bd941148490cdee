"""``scalingar verifier`` as a newcomer meets it."""

import shutil
from pathlib import Path

import pytest

from scalingar.analysis.verifiers import train
from scalingar.cli.main import main
from tests.tiny.verifiers import retrain

PROMPTS = "\n".join(f"a {color} dog" for color in ("red", "blue", "green", "pink", "black", "white", "brown", "purple"))


def test_train_and_choose_with_it(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train.train_verifier, "__kwdefaults__", {"steps": 3})
    (tmp_path / "prompts.txt").write_text(PROMPTS)
    folder = tmp_path / "verifier"
    words = ["--prompts", str(tmp_path / "prompts.txt"), "--reward", "pmi", "-n", "2", "-o", str(folder)]
    assert main(["verifier", "train", str(package), *words]) == 0
    told = capsys.readouterr().out
    assert told.count("\n| confidence ") == told.count("\n| verifier ") == 1
    assert (folder / "report.md").read_text() in told
    words = ["--strategy", "verifier-halving", "--verifier", str(folder), "strategy.rounds=[[0.5,1]]", "-n", "2"]
    assert main(["generate", "a cat", "--model", str(package), *words, "-o", str(tmp_path / "out")]) == 0
    assert "needed" in capsys.readouterr().out
    like = ["generate", "--like", str(tmp_path / "out" / "image.png"), "-o", str(tmp_path / "again")]
    assert main(like) == 0
    assert "identical to" in capsys.readouterr().out
    moved = shutil.copytree(folder, tmp_path / "moved")
    retrain(folder)
    assert main(like) == 1
    told = capsys.readouterr().err
    assert f"was made with another verifier than {folder}" in told
    assert told.count("\n") == 1
    assert main([*like, "--verifier", str(moved)]) == 0
    assert main([*like, "--strategy", "single"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prompts", "/nowhere.txt"], "--prompts /nowhere.txt is no file"),
        ([], "Missing option '--prompts'"),
        (["--prompts", "{short}"], "are too few (2)"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: list[str], message: str, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "short.txt").write_text("a red dog\na cat\n")
    words = [word.format(short=tmp_path / "short.txt") for word in words]
    assert main(["verifier", "train", str(package), "-o", str(tmp_path / "out"), *words]) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
