"""What a user of the command line sees of rewards."""

import json
from pathlib import Path

import pytest

from scalingar.cli.main import main
from tests.tiny.rewards import save_tiny_image_reward

PROMPT = "a dog " + "on the mat " * 12


def generate(package: Path, out: Path, prompt: str, reward: str) -> int:
    settings = ["--strategy", "best-of-n", "-n", "2", f"strategy.reward={reward}"]
    return main(["generate", prompt, "--model", str(package), "-o", str(out), *settings])


def test_a_truncated_prompt_is_told_and_written_down(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reward = f"image-reward:{save_tiny_image_reward(tmp_path)}"
    assert generate(package, tmp_path / "out", PROMPT, reward) == 0
    told = capsys.readouterr()
    assert told.err.count("warning: image-reward reads 35 of the 40 tokens of 'a dog on the mat") == 1
    assert "image-reward" in told.out
    truncated = json.loads((tmp_path / "out" / "trace.json").read_text())["images"][0]["truncated"]
    assert truncated[reward] == {"tokens": 40, "limit": 35, "unread": "the mat on the mat "}


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        ("imagereward", "did you mean 'image-reward'?"),
        ("hps-v2.1:/nowhere", "the reward hps-v2.1 finds no weights at /nowhere; give an existing file or folder"),
    ],
)
def test_what_is_wrong_is_one_line(
    reward: str, message: str, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(package, tmp_path / "out", "a dog", reward) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:]
    assert message in lines[-1]
