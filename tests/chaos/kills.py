"""``python -m tests.chaos.kills``: ``scalingar bench run`` is killed at random moments and run again.

Each run is repeated in its folder until it ends, whatever was killed before; then it has to hold what a run holds that
was left alone, and ``bench validate`` has to agree.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from scalingar.core.locks import LOCK
from tests.chaos.same_run import differences

RUN = "bench run geneval --strategy single --images-per-prompt 2 --limit 1 --shard 1 --workers 2 --seed 3".split()  # noqa: SIM905
"""Twelve images in as many shards."""
MOST_KILLS = 8
"""Of one folder; then the run is left alone."""
LONGEST = 600
"""Seconds after which a run that does not end is a failure."""


def start(*words: str) -> subprocess.Popen[bytes]:
    """A command of this installation in a process of its own, with one thread."""
    command = [sys.executable, "-m", "scalingar", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)


def finished(*words: str) -> str:
    """Run a command to its end; returns what it wrote to stderr if it failed."""
    process = start(*words)
    _, errors = process.communicate(timeout=LONGEST)
    return "" if process.returncode == 0 else errors.decode() or f"ended with {process.returncode}"


def run_with_kills(folder: Path, seconds: float, most: int, rng: random.Random) -> tuple[int, str]:
    """Run until the end, killing up to ``most`` times; returns kills and an error.

    A kill comes up to half of ``seconds``, those of a whole run, after the process has taken the run's folder.
    """
    for kills in range(most):
        process, delay = start(*RUN, "-o", str(folder)), rng.uniform(0, seconds / 2)
        drawing(process, folder)
        try:
            _, errors = process.communicate(timeout=delay)
            return kills, "" if process.returncode == 0 else errors.decode()
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    return most, finished(*RUN, "-o", str(folder))


def drawing(process: subprocess.Popen[bytes], folder: Path) -> float:
    """Wait until a run has taken its folder, or has ended; returns when that was."""
    holder = f"process {process.pid} on "
    while process.poll() is None:
        with suppress(OSError):
            if (folder / "single" / LOCK).read_text().startswith(holder):
                break
        time.sleep(0.01)
    return time.perf_counter()


def main(arguments: list[str] | None = None) -> int:
    """The number of folders that were not as they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng, kills, failures, folders = random.Random(options.seed), 0, 0, 0
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole"
        process = start(*RUN, "-o", str(whole))
        taken = drawing(process, whole)
        _, errors = process.communicate(timeout=LONGEST)
        if process.returncode:
            print(errors.decode())
            return 1
        seconds = time.perf_counter() - taken
        while kills < options.kills:
            folder = Path(name) / str(folders)
            folders += 1
            more, error = run_with_kills(folder, seconds, min(MOST_KILLS, options.kills - kills), rng)
            kills += more
            told = [error] if error else differences(whole, folder)
            told += [error for error in [finished("bench", "validate", str(folder))] if error]
            failures += bool(told)
            print(f"folder {folders}: {more} kills; {'; '.join(told) or 'equal'}", flush=True)
    seconds = time.perf_counter() - started
    print(f"{kills} kills of {folders} runs, {failures} of them with a difference, in {seconds:.0f} s")
    return failures


if __name__ == "__main__":
    sys.exit(min(1, main()))
