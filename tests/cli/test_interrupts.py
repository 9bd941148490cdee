"""Ctrl-C, pressed once and more often."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scalingar.cli import interrupts
from scalingar.cli.interrupts import Interrupts

COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts the tests in the background has it ignored
from scalingar.cli.main import main
sys.exit(main())
"""


def test_presses_that_come_together_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([100.0, 100.1, 101.9, 102.5])
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: next(now))
    handler = Interrupts()
    with pytest.raises(KeyboardInterrupt):
        handler(signal.SIGINT, None)
    handler(signal.SIGINT, None)
    handler(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        handler(signal.SIGINT, None)


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        Interrupts().install()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_run_that_is_interrupted_many_times_says_one_sentence(tmp_path: Path) -> None:
    words = ["bench", "run", "geneval", "--strategy", "best-of-n", "-n", "4", "--shard", "1", "-o", str(tmp_path)]
    with subprocess.Popen([sys.executable, "-c", COMMAND, *words], stderr=subprocess.PIPE, text=True) as run:
        while run.poll() is None and not (tmp_path / "best-of-n" / "samples.jsonl").exists():
            time.sleep(0.05)
        for _ in range(5):
            run.send_signal(signal.SIGINT)
            time.sleep(0.02)
        said = run.communicate()[1]
    assert run.returncode == 130
    assert [line for line in said.splitlines() if "warning" not in line] == [
        "interrupted; nothing was left half written"
    ]
    assert not list(tmp_path.rglob("*.partial"))
