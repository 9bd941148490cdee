"""A few of the kills of ``make chaos``."""

import subprocess
import sys
from pathlib import Path

from tests.chaos.same_run import differences

ROOT = Path(__file__).parents[2]


def test_a_run_that_is_killed_at_a_file_operation_ends_as_if_it_had_not_been() -> None:
    words = [sys.executable, "-m", "tests.chaos.operations", "--kills", "5", "--seed", "1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, cwd=ROOT)
    assert done.stdout.startswith("5 kills at 5 file operations, 0 with a difference"), done.stdout + done.stderr


def test_what_is_left_behind_or_lost_is_a_difference(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "samples.jsonl").write_bytes(b"{}\n")
    assert differences(tmp_path / "whole", tmp_path / "killed") == []
    (tmp_path / "killed" / ".x.partial").touch()
    (tmp_path / "whole" / "plan.json").touch()
    (tmp_path / "killed" / "samples.jsonl").write_bytes(b"{ }\n")
    told = differences(tmp_path / "whole", tmp_path / "killed")
    assert told == [".x.partial is litter", "plan.json is missing", "samples.jsonl differs"]
