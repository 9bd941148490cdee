"""``python -m tests.chaos.kills``: the command ``bench run`` is killed at random moments and run again.

Each run is repeated in its folder until it ends, whatever was killed before; then it has to hold what a run holds that
was left alone, and ``bench validate`` has to agree.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process with threads cannot be forked

import scalingar.bench
import scalingar.cli.bench.run_all  # noqa: F401
from scalingar.cli.main import main as command
from tests.chaos.processes import Process
from tests.chaos.same_run import differences

RUN = "bench run geneval --strategy single --images-per-prompt 1 --limit 1 --shard 1 --workers 2 --seed 3"
"""Six images in as many shards."""
MOST_KILLS = 8
"""Of one folder; then the run is left alone."""


def started(words: Sequence[str], errors: Path) -> Process:
    """A command in a process of its own."""
    return Process.start(partial(command, list(words)), errors)


def finished(words: Sequence[str], errors: Path) -> list[str]:
    """Run a command to its end; returns what it wrote to stderr if it failed."""
    code = started(words, errors).wait()
    return [] if code == 0 else [f"{' '.join(words[:2])} ended with {code}: {errors.read_text()}"]


def main(arguments: list[str] | None = None) -> int:
    """The number of folders that were not as they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng, kills, failures, folders = random.Random(options.seed), 0, 0, 0
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        errors, whole = Path(name) / "errors", Path(name) / "whole"
        if told := finished([*RUN.split(), "-o", str(whole)], errors):
            print(told[0])
            return 1
        seconds = time.perf_counter() - begun
        while kills < options.kills:
            folders += 1
            folder = Path(name) / str(folders)
            words = [*RUN.split(), "-o", str(folder)]
            most, here = min(MOST_KILLS, options.kills - kills), 0
            while here < most and (process := started(words, errors)).wait(rng.uniform(0, seconds / 2)) is None:
                process.kill()
                here += 1
            told = finished(words, errors) or differences(whole, folder)
            told += finished(["bench", "validate", str(folder)], errors)
            kills, failures = kills + here, failures + bool(told)
            print(f"folder {folders}: {here} kills; {'; '.join(told) or 'equal'}", flush=True)
    print(f"{kills} kills of {folders} runs, {failures} with a difference, in {time.perf_counter() - begun:.0f} s")
    return failures


if __name__ == "__main__":
    sys.exit(min(1, main()))
