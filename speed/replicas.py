"""Replicas of a server under load, one of them killed: ``python -m speed.replicas``.

Starts Ray Serve with two replicas of the embedded model on this machine, asks many times at once with OpenAI's client,
which repeats what failed, and kills a replica meanwhile. Prints how many answers came, whether they are the pictures
that were drawn before, and images a second before the kill and around it. With ``--max-replicas`` it goes on asking
afterwards, until there are so many, and tells how long that took.
"""

import argparse
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openai import APIError, OpenAI

from scalingar.pipeline.recipe import Recipe
from scalingar.serve.replicas.ray_serve import ReplicaSettings, replicas
from scalingar.serve.start import ServerSettings
from speed.machine import describe

_REPLICA = "ray::ServeReplica:scalingar"
_PROCESSES = Path("/proc")
_TRIES = 8
_LONGEST_GROWTH = 300.0
"""Seconds; Ray Serve waits for half a minute of load before it starts another one."""


def replica_processes(processes: Path = _PROCESSES, ancestor: int | None = None) -> list[int]:
    """Those that descend from ``ancestor``; None: this process, which started their cluster. Others' are left alone."""
    root = os.getpid() if ancestor is None else ancestor
    parents, named = dict[int, int](), list[int]()
    for entry in processes.glob("[0-9]*"):
        try:
            name = (entry / "cmdline").read_bytes().split(b"\0")[0].decode()
            after_name = (entry / "stat").read_text().rpartition(")")[2]
        except (OSError, UnicodeDecodeError):
            continue
        parents[int(entry.name)] = int(after_name.split()[1])
        if name.startswith(_REPLICA):
            named.append(int(entry.name))
    return [process for process in sorted(named) if root in _ancestors(process, parents)]


def one_of(found: Sequence[int], seed: int) -> int:
    """The process that is killed. Ends the program where there is none."""
    if not found:
        raise SystemExit(f"no replica of this cluster is in {_PROCESSES}, and none was killed; run this on Linux.")
    return random.Random(seed).choice(found)


def _ancestors(process: int, parents: Mapping[int, int]) -> Iterator[int]:
    while (process := parents.get(process, 0)) > 0:
        yield process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--max-replicas", type=int)
    parser.add_argument("--quality", default="low", help="of each request; low is one trajectory")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(describe())
    recipe = Recipe.from_dict({"strategy": "single"})
    many = ReplicaSettings(replicas=args.replicas, max_replicas=args.max_replicas)
    with replicas(recipe, ServerSettings(port=0), many) as url:
        client = OpenAI(base_url=url, api_key="none", max_retries=_TRIES)

        def ask(number: int) -> str | None:
            try:
                answer = client.images.generate(
                    prompt="a photo of a dog", quality=args.quality, extra_body={"seed": number}
                )
            except APIError as error:
                print(f"request {number} was lost: {error}")
                return None
            return answer.data[0].b64_json if answer.data else None

        with ThreadPoolExecutor(args.requests) as pool:
            before: list[str | None] = []
            for name, kill in (("undisturbed", False), ("one killed", True)):
                started = time.perf_counter()
                coming = [pool.submit(ask, number) for number in range(args.requests)]
                if kill:
                    time.sleep(1.0)
                    os.kill(one_of(replica_processes(), args.seed), signal.SIGKILL)
                pictures = [one.result() for one in coming]
                seconds = time.perf_counter() - started
                before = before or pictures
                same = sum(one is not None and one == other for one, other in zip(pictures, before, strict=True))
                print(f"{name:12s} {same} of {args.requests} answers, {args.requests / seconds:.2f} images/s")
            if args.max_replicas:
                started = time.perf_counter()
                while len(replica_processes()) < many.most and time.perf_counter() - started < _LONGEST_GROWTH:
                    list(pool.map(ask, range(args.requests)))
                seconds = time.perf_counter() - started
                print(f"{len(replica_processes())} replicas after {seconds:.0f} s of more requests")


if __name__ == "__main__":
    main()
