"""``python -m tests.chaos.operations``: a tiny benchmark is killed at its file operations, one after the other.

A run is killed just before it opens, renames, makes or removes something in its folder, or after a file of which the
last bytes never reached the disk. The next one takes it up and has to end with what a run holds that was left alone.
"""

import argparse
import os
import random
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process with threads cannot be forked

from scalingar.bench.runs.results import read_results, write_results
from scalingar.bench.runs.validate import check_run
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import runner
from tests.chaos.processes import Process
from tests.chaos.same_run import differences

_EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}
_TORN = 7
"""Bytes that are lost at the end of a file."""


def work(folder: Path, workers: int) -> None:
    """A whole run: ten images in five shards."""
    run = runner(folder, "single", workers, shard=2)
    for _ in run.run():
        pass
    write_results(read_results(folder, Bright()), run.store)
    check_run(folder, Bright())


def counting(folder: Path, at: int | None, report: Path | None) -> Callable[[Any, int | None], None]:
    """What is called before each operation: kills this process at number ``at``, and writes their count to a file."""
    count = 0

    def called(path: Any, file: int | None) -> None:
        nonlocal count
        if file is None and not str(path).startswith(str(folder)):
            return
        count += 1
        if count == at:
            if file is not None:
                os.ftruncate(file, max(0, os.fstat(file).st_size - _TORN))
            os.kill(os.getpid(), signal.SIGKILL)
        if report is not None:
            os.pwrite(counts, str(count).encode(), 0)

    counts = -1 if report is None else os.open(report, os.O_WRONLY | os.O_CREAT)
    return called


def drawn_and_killed(folder: Path, workers: int, at: int | None, report: Path | None = None) -> None:
    """Work, and be killed at operation ``at``; None: only count."""
    called = counting(folder, at, report)
    sync = os.fsync

    def fsync(fd: Any) -> None:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            called(None, fd)
        sync(fd)

    os.fsync = fsync
    sys.addaudithook(lambda event, args: called(args[0], None) if event in _EVENTS else None)
    work(folder, workers)


def main(arguments: list[str] | None = None) -> int:
    """The number of kills after which something was not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, help="so many operations, drawn at random; all if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    started, failures, kills = time.perf_counter(), 0, 0
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        whole, report = here / "whole", here / "count"
        assert Process.start(partial(drawn_and_killed, whole, options.workers, None, report)).wait() == 0
        numbers = list(range(1, int(report.read_text()) + 1))
        if options.kills is not None:
            numbers = sorted(random.Random(options.seed).sample(numbers, min(options.kills, len(numbers))))
        for number in numbers:
            folder = here / str(number)
            killed = Process.start(partial(drawn_and_killed, folder, options.workers, number)).wait()
            kills += killed == -signal.SIGKILL
            resumed = Process.start(partial(work, folder, options.workers)).wait()
            told = differences(whole, folder) if resumed == 0 else [f"the next run ended with {resumed}"]
            if told:
                failures += 1
                print(f"killed at operation {number}: {'; '.join(told)}")
    seconds = time.perf_counter() - started
    print(f"{kills} kills at {len(numbers)} file operations, {failures} with a difference, in {seconds:.0f} s")
    return failures


if __name__ == "__main__":
    sys.exit(min(1, main()))
