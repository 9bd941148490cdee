"""A full device gives one sentence, and the next, smaller run works."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny.package import save_tiny_package

pytestmark = pytest.mark.device
PROGRAM = """
import sys, torch
from scalingar.cli.main import main
torch.cuda.set_per_process_memory_fraction(2**29 / torch.cuda.get_device_properties(0).total_memory)
draw = ["generate", "a dog", "--model", sys.argv[1], "--device", "cuda", "-o", sys.argv[2], "-n"]
print(main([*draw, "60000"]))
print(main([*draw, "4"]))
"""


def test_too_many_trajectories_through_the_command_line(gpu: str, tmp_path: Path) -> None:
    folder = save_tiny_package(tmp_path / "model")
    command = [sys.executable, "-c", PROGRAM, str(folder), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "memory" in line
    assert "num_trajectories" in line
    codes = [line for line in done.stdout.splitlines() if line in ("0", "1")]
    assert codes == ["1", "0"]
