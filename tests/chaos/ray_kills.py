"""``python -m tests.chaos.ray_kills``: the processes of ``bench run --backend ray`` are killed at random moments.

Workers are killed while their driver goes on, which has to replace them; the driver is killed and run again in its
folder. In the end the folder has to hold what a run in one process holds that was left alone.
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

from tests.chaos.kills import RUN
from tests.chaos.same_run import differences

_WORKER = "ray::Worker"
_MOST_SECONDS = 600
"""Of a run that is left alone."""


def command(folder: Path, *more: str) -> list[str]:
    """A run into ``folder``."""
    return [sys.executable, "-m", "scalingar", *RUN.split(), "-o", str(folder), *more]


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


def killed_workers(process: "subprocess.Popen[bytes]", rng: random.Random, kills: int, longest: float) -> int:
    """Kill workers of a run while it lasts; returns how many were."""
    done = 0
    while done < kills and process.poll() is None:
        time.sleep(rng.uniform(0, longest))
        found = workers_of(process.pid)
        if found:
            os.kill(rng.choice(found), signal.SIGKILL)
            done += 1
    return done


def killed_driver(folder: Path, rng: random.Random, longest: float) -> int:
    """Run, and kill the driver, unless it was done before; returns how many were."""
    process = subprocess.Popen(command(folder, "--backend", "ray"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        process.wait(rng.uniform(0, longest))
        return 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return 1


def main(arguments: list[str] | None = None) -> int:
    """The number of folders that were not as they should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=6, help="kills of workers, in one run")
    parser.add_argument("--drivers", type=int, default=3, help="kills of drivers, in one folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng, failures = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as name:
        whole, one, two = (Path(name) / each for each in ("whole", "workers", "drivers"))
        subprocess.run(command(whole), check=True, stdout=subprocess.DEVNULL, timeout=_MOST_SECONDS)
        begun = time.perf_counter()
        process = subprocess.Popen(command(one, "--backend", "ray"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        workers = killed_workers(process, rng, options.workers, 2.0)
        _, errors = process.communicate(timeout=_MOST_SECONDS)
        seconds = time.perf_counter() - begun
        drivers = sum(killed_driver(two, rng, seconds) for _ in range(options.drivers))
        last = subprocess.run(command(two, "--backend", "ray"), check=False, capture_output=True, timeout=_MOST_SECONDS)
        for folder, code, told in ((one, process.returncode, errors), (two, last.returncode, last.stderr)):
            wrong = differences(whole / "single", folder / "single") if code == 0 else [told.decode()]
            failures += bool(wrong)
            print(f"{folder.name}: {'; '.join(wrong) or 'equal'}", flush=True)
    print(f"{workers} workers and {drivers} drivers killed, {failures} folders with a difference")
    return failures


if __name__ == "__main__":
    sys.exit(min(1, main()))
