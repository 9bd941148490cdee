"""``python -m tests.chaos.ray_nodes``: machines leave and join a cluster while ``bench run --backend ray`` draws there.

Three machines of ray on this one: a head without processors, and two of one each. While the run lasts, one of the
workers' machines is lost, as by a power cut, and after some more shards another one joins, again and again. The folder
has to hold what a run in one process holds that was left alone, and those that joined have to have had a worker.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

from scalingar.bench.runs.store import COSTS
from tests.chaos.ray_kills import command, workers_of
from tests.chaos.same_run import differences

_RUN = "bench run geneval --strategy best-of-n -n 8 --images-per-prompt 1 --shard 1 --workers 2 --seed 3"
_MOST_SECONDS = 600


def shards_of(folder: Path) -> int:
    """That are written."""
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob(COSTS))


def until(true: Callable[[], bool], process: "subprocess.Popen[bytes]") -> bool:
    """Wait for something while a run lasts; returns whether it came."""
    end = time.monotonic() + _MOST_SECONDS
    while not true():
        if process.poll() is not None or time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def drawn(shards: int, folder: Path, process: "subprocess.Popen[bytes]") -> bool:
    """Wait for so many more of them."""
    wanted = shards_of(folder) + shards
    return until(lambda: shards_of(folder) >= wanted, process)


def has_worker(machine: Any, process: "subprocess.Popen[bytes]") -> bool:
    """Wait for one on a machine."""
    raylet = machine.all_processes["raylet"][0].process.pid
    return until(lambda: bool(workers_of(raylet)), process)


def with_machines_that_leave(folder: Path, limit: str, leaves: int) -> tuple[int, int, list[str]]:
    """A run; returns how many machines left, how many that joined had a worker, and what was wrong."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    left = joined = 0
    try:
        machines: list[Any] = [cluster.add_node(num_cpus=1) for _ in range(2)]
        words = command(folder, "--limit", limit, "--backend", "ray", "--address", cluster.address, run=_RUN)
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(leaves):
            if not drawn(1, folder, process):
                break
            cluster.remove_node(machines.pop(0), allow_graceful=False)
            left += 1
            if not drawn(2, folder, process):
                break
            machines.append(cluster.add_node(num_cpus=1))
            joined += has_worker(machines[-1], process)
        _, errors = process.communicate(timeout=_MOST_SECONDS)
        return left, joined, [] if process.returncode == 0 else [errors.decode()]
    finally:
        cluster.shutdown()


def main(arguments: list[str] | None = None) -> int:
    """1 where the folder is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=2, help="machines that leave, and as many that join")
    parser.add_argument("--limit", default="6", help="prompts of each task")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        whole, folder = Path(name) / "whole", Path(name) / "machines"
        started = time.perf_counter()
        alone_words = command(whole, "--limit", options.limit, run=_RUN)
        subprocess.run(alone_words, check=True, stdout=subprocess.DEVNULL, timeout=_MOST_SECONDS)
        alone = time.perf_counter() - started
        left, joined, told = with_machines_that_leave(folder, options.limit, options.leaves)
        wrong = told or differences(whole / "best-of-n", folder / "best-of-n")
        seconds = time.perf_counter() - started - alone
    print(
        f"{left} machines left, {joined} of those that joined had a worker; {'; '.join(wrong) or 'equal'} "
        f"({alone:.0f} s alone, {seconds:.0f} s with them)"
    )
    return int(bool(wrong) or left != options.leaves or joined != options.leaves)


if __name__ == "__main__":
    sys.exit(main())
