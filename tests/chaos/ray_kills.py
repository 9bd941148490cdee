"""``python -m tests.chaos.ray_kills``: the processes of ``bench run --backend ray`` are killed at random moments.

Workers are killed while their driver goes on, which has to replace them; drivers are killed and run again in their
folder. In the end each folder has to hold what a run in one process holds that was left alone.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.kills import MOST_KILLS, RUN
from tests.chaos.same_run import differences

_WORKER = "ray::Worker"
_LONGEST_PAUSE = 4.0
"""Seconds between two kills of workers, at most."""
_MOST_SECONDS = 600
"""Of a run that is left alone."""


def command(folder: Path, *more: str, run: str = RUN) -> list[str]:
    """A run into ``folder``."""
    return [sys.executable, "-m", "scalingar", *run.split(), "-o", str(folder), *more]


def workers_of(driver: int) -> list[int]:
    """Processes of ray's workers under this one."""
    parents, names = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(entry.name)] = (entry / "cmdline").read_bytes().split(b"\0")[0].decode()
        except (OSError, IndexError, UnicodeDecodeError):
            continue
    return [pid for pid, name in names.items() if name.startswith(_WORKER) and driver in _above(pid, parents)]


def _above(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid in parents:
        pid = parents[pid]
        yield pid


def killed_workers(folder: Path, rng: random.Random, most: int) -> tuple[int, list[str]]:
    """Run, and kill workers while it lasts; returns how many were, and what the run said if it failed."""
    process = subprocess.Popen(command(folder, "--backend", "ray"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    done = 0
    while done < most and process.poll() is None:
        time.sleep(rng.uniform(0, _LONGEST_PAUSE))
        found = workers_of(process.pid)
        if found:
            os.kill(rng.choice(found), signal.SIGKILL)
            done += 1
    _, told = process.communicate(timeout=_MOST_SECONDS)
    return done, [told.decode()] if process.returncode else []


def killed_drivers(folder: Path, rng: random.Random, most: int, longest: float) -> tuple[int, list[str]]:
    """Run and kill the driver until one was faster, then run to the end; returns as :func:`killed_workers`."""
    words, done = command(folder, "--backend", "ray"), 0
    while done < most:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(rng.uniform(0, longest))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            done += 1
    last = subprocess.run(words, check=False, capture_output=True, timeout=_MOST_SECONDS)
    return done, [last.stderr.decode()] if last.returncode else []


def _timed(words: list[str]) -> float:
    """Seconds that a command takes."""
    started = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=_MOST_SECONDS)
    return time.perf_counter() - started


def main(arguments: list[str] | None = None) -> int:
    """The number of folders that were not as they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=6, help="kills of workers")
    parser.add_argument("--drivers", type=int, default=3, help="kills of drivers")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng, failures = random.Random(options.seed), 0
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole"
        subprocess.run(command(whole), check=True, stdout=subprocess.DEVNULL, timeout=_MOST_SECONDS)
        longest = _timed(command(Path(name) / "ray", "--backend", "ray"))
        for whom, wanted in (("workers", options.workers), ("drivers", options.drivers)):
            kills = folders = 0
            while kills < wanted:
                folder, most = Path(name) / f"{whom}-{folders}", min(MOST_KILLS, wanted - kills)
                if whom == "workers":
                    here, told = killed_workers(folder, rng, most)
                else:
                    here, told = killed_drivers(folder, rng, most, longest)
                wrong = told or differences(whole / "single", folder / "single")
                kills, folders, failures = kills + here, folders + 1, failures + bool(wrong)
                print(f"{folder.name}: {here} killed; {'; '.join(wrong) or 'equal'}", flush=True)
                if wrong or not (here or whom == "drivers"):
                    break  # nothing more is learned, or there is nobody to kill
            print(f"{kills} {whom} killed in {folders} folders", flush=True)
    print(f"{failures} folders with a difference, in {time.perf_counter() - begun:.0f} s")
    return failures


if __name__ == "__main__":
    sys.exit(min(1, main()))
