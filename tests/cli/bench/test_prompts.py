"""One's own prompts from the command line to the report."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scalingar.cli.main import main
from scalingar.rewards import REWARDS, WithoutWeights
from tests.bench.fakes import Darkness, Level


@pytest.fixture(autouse=True)
def _rewards() -> Iterator[None]:
    with REWARDS.temporarily("level", WithoutWeights(Level)), REWARDS.temporarily("dark", WithoutWeights(Darkness)):
        yield


def file(folder: Path) -> Path:
    path = folder / "mine.jsonl"
    rows = [{"prompt": "a photo of a dog", "tags": ["animal", "one"]}, {"prompt": "a photo of a cat", "tag": "animal"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(package: Path, folder: Path, *more: str) -> int:
    words = ["bench", "run", "prompts", str(file(folder)), "judges=level,dark", "--model", str(package)]
    count = () if "single" in more else ("-n", "2")
    return main([*words, *count, "-o", str(folder / "runs"), *more])


def test_from_the_command_line(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(package, tmp_path, "--strategy", "single,best-of-n", "--reward", "dark") == 1
    told = capsys.readouterr().err
    assert "best-of-n chooses by dark, and the reward dark also judges" in told
    assert "allow it with --same-judge" in told
    assert not list((tmp_path / "runs").glob("*")), "said before any work"
    assert run(package, tmp_path, "--strategy", "single,best-of-n", "--reward", "pmi") == 0
    assert main(["bench", "validate", str(tmp_path / "runs")]) == 0
    results = json.loads((tmp_path / "runs" / "single" / "results.json").read_text())
    assert set(results["scores"]["measures"]) == {"mean dark", "tag animal", "tag one"}
    capsys.readouterr()
    assert main(["bench", "report", str(tmp_path / "runs"), "--baseline", "single"]) == 0
    table = capsys.readouterr().out
    assert "mean dark against single" in table
    assert "flattered" not in table
    pair = [str(tmp_path / "runs" / name) for name in ("single", "best-of-n")]
    code = main(["bench", "pictures", *pair, "-o", str(tmp_path / "p.png")])
    assert code == 0 or "got the same points" in capsys.readouterr().err


def test_a_prompt_that_cannot_be_rewritten_is_told_before_anything_is_drawn(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts, suite = tmp_path / "p.txt", tmp_path / "suite.yaml"
    prompts.write_text("a photo of a dog and a cat\na photo of a dragon and a cat\n")
    suite.write_text("placed: {name: gridar, num_trajectories: 2, reward: pmi, rewrite: layout}\n")
    words = ["bench", "run", "prompts", str(prompts), "judges=level", "--model", str(package), "--suite", str(suite)]
    assert main([*words, "--shard", "1", "-o", str(tmp_path / "runs")]) == 1
    assert "it does not know 'dragon'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    assert main([*words, "--guidance-scale", "1", "-o", str(tmp_path / "runs")]) == 1
    assert "guides with a second prompt" in capsys.readouterr().err


def test_the_same_judge_is_allowed_when_asked_and_told(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(package, tmp_path, "--strategy", "single,best-of-n", "--reward", "dark", "--same-judge") == 0
    capsys.readouterr()
    assert main(["bench", "report", str(tmp_path / "runs")]) == 0
    assert "Chosen by what also judges, and so flattered, was best-of-n." in capsys.readouterr().out


def test_strategies_are_read_off_a_complete_run(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(package, tmp_path, "--strategy", "best-of-n", "--reward", "pmi", "--all-candidates") == 0
    suite = tmp_path / "suite.yaml"
    suite.write_text("random: {name: random-of-n, num_trajectories: 2}\n")
    words = ["analyze", "derive", str(tmp_path / "runs" / "best-of-n"), "--suite", str(suite)]
    assert main([*words, "-o", str(tmp_path / "derived")]) == 0
    capsys.readouterr()
    folders = [str(tmp_path / "runs" / "best-of-n"), str(tmp_path / "derived" / "random")]
    assert main(["bench", "report", *folders, "--format", "csv"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.startswith("benchmark,model,strategy,reward,N")
    assert (first.split(",")[3:6], second.split(",")[3:6]) == (["best-of-n", "pmi", "2"], ["random", "", "2"])


def test_edited_prompts_are_another_run(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(package, tmp_path, "--strategy", "single") == 0
    path = tmp_path / "mine.jsonl"
    path.write_text(path.read_text().replace("cat", "bird"))
    capsys.readouterr()
    assert main(["bench", "report", str(tmp_path / "runs")]) == 1
    assert "was made of other prompts" in capsys.readouterr().err


def test_a_judge_that_is_silent_about_an_image_leaves_a_run_that_can_be_read(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Level, "answered", lambda _, prompt, images: [None if "cat" in prompt else 1.0 for _ in images])
    assert run(package, tmp_path, "--strategy", "single") == 0
    assert "(1 image without an answer of the judge left out)" in capsys.readouterr().out
    assert main(["bench", "validate", str(tmp_path / "runs")]) == 0
