"""``scalingar analyze prefixes`` as a newcomer meets it."""

from pathlib import Path

import pytest

from scalingar.cli.main import main

PROMPTS = 'prompt,tag\na red dog,colors\ntwo cats,counting\na blue cup,colors\n"three cows",counting\n'


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.csv"
    path.write_text(PROMPTS)
    return path


def test_prefixes_are_completed_and_told(
    package: Path, prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    words = ["--shares", "0.25,0.5", "--prefixes", "2", "--completions", "2", "--prompts", str(prompts)]
    command = ["analyze", "prefixes", str(package), *words, "-o", str(folder)]
    assert main(command) == 0
    told, wrote = capsys.readouterr()
    assert told == (folder / "prefixes.md").read_text()
    assert "tiny, reward pmi: 4 prompts, of each 2 prefixes with 2 completions" in told
    assert "| counting | 2 |" in told
    assert "prefixes.json" in wrote
    files = {path.name: path.read_bytes() for path in folder.glob("prefixes.*")}
    assert set(files) == {"prefixes.md", "prefixes.json", "prefixes.png"}
    assert main(command) == 0
    assert {path.name: path.read_bytes() for path in folder.glob("prefixes.*")} == files
    capsys.readouterr()
    assert main([*command, "--seed", "1"]) == 1
    assert "holds completions of another seed (0, not 1)" in capsys.readouterr().err
    assert main([*command, "--dtype", "bf16"]) == 1
    assert "holds completions of another model_settings.dtype ('fp32', not 'bf16')" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prompts", "/nowhere.txt"], "--prompts /nowhere.txt is no file"),
        (["--prefixes", "1"], "--prefixes is 1"),
        (["--completions", "0"], "--completions is 0"),
        (["--shares", "0.5,half"], "--shares is '0.5,half'; give numbers between 0 and 1"),
        (["--shares", "0.5,2"], "--shares holds 2"),
        (["--shares", "0.999"], "which ends with the last of the model's 16 steps"),
        (["--reward", "nobody"], "nobody"),
        (["--reward", "rank-sum:pmi,confidence"], "ranks candidates against each other"),
        (["best"], "'best' is no setting of the model"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: list[str], message: str, package: Path, prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [] if "--prompts" in words else ["--prompts", str(prompts)]
    assert main(["analyze", "prefixes", str(package), *words, *given, "-o", str(tmp_path / "out")]) != 0
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()
