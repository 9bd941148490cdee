"""``python -m tests.chaos.faults``: a tiny benchmark meets full disks, read-only folders, damage and a wrong clock.

Each time a run is stopped after some of its shards, something befalls it, and it is run again. Where it cannot go on it
has to say so in one sentence; when the cause is gone it has to end with what a run holds that was left alone.
"""

import argparse
import errno
import os
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

from scalingar.core.errors import ScalingarError
from tests.bench.runs.test_runner import runner
from tests.chaos.operations import work
from tests.chaos.same_run import differences

_DAY = 86_400.0


def stopped(folder: Path, shards: int) -> None:
    """A run of which so many shards are there."""
    steps = runner(folder, "single", shard=2).run()
    for _ in range(1 + shards):
        next(steps, None)
    steps.close()  # type: ignore[attr-defined]


@contextmanager
def failing(number: int, after: int) -> Iterator[None]:
    """Waiting until something is on disk fails with this error, from the ``after``-th time on."""
    count, real = 0, os.fsync

    def fsync(file: Any) -> None:
        nonlocal count
        count += 1
        if count > after:
            raise OSError(number, os.strerror(number))
        real(file)

    with patch.object(os, "fsync", fsync):
        yield


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be made in the folder: for root, too, who may write where permissions say no."""
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(folder)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return real(path, flags, *rest, **named)

    with patch.object(os, "open", refuse):
        yield


def without_a_picture(folder: Path, rng: random.Random) -> None:
    """Delete one."""
    pictures = sorted(folder.rglob("*.png"))
    if pictures:
        rng.choice(pictures).unlink()


def torn(folder: Path, rng: random.Random) -> None:
    """Cut the end of a file of lines."""
    path = folder / rng.choice(("samples.jsonl", "costs.jsonl"))
    content = path.read_bytes() if path.exists() else b""
    if content:
        path.write_bytes(content[: rng.randrange(len(content))])


def set_back(folder: Path, rng: random.Random) -> None:
    """As after a clock that was set back: everything was written tomorrow."""
    for path in folder.rglob("*"):
        os.utime(path, (time.time() + _DAY, time.time() + _DAY))


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "picture deleted": without_a_picture,
    "line torn": torn,
    "clock set back": set_back,
}
HINDRANCES = ("disk full", "folder read-only")


def hindered(name: str, folder: Path, rng: random.Random) -> str | None:
    """Run while something stands in the way; returns what is wrong with how that was told."""
    way = failing(errno.ENOSPC, rng.randrange(1, 60)) if name == "disk full" else read_only(folder)
    try:
        with way:
            work(folder, 1)
    except ScalingarError as error:
        return None if str(error).count("\n") == 0 else f"more than a sentence: {error}"
    except OSError as error:
        return f"no sentence: {error!r}"
    return None  # it was done before the disk was full


def main(arguments: list[str] | None = None) -> int:
    """The number of rounds that did not end as they should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="of each fault")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng, rounds, wrong = random.Random(options.seed), Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what is repaired
        whole = Path(name) / "whole"
        work(whole, 1)
        for fault in [*DAMAGES, *HINDRANCES]:
            for number in range(options.rounds):
                folder = Path(name) / f"{fault} {number}"
                stopped(folder, rng.randrange(6))
                told = None
                if fault in DAMAGES:
                    DAMAGES[fault](folder, rng)
                else:
                    told = hindered(fault, folder, rng)
                work(folder, 1)
                faults = [*([] if told is None else [told]), *differences(whole, folder)]
                rounds[fault] += 1
                wrong[fault] += bool(faults)
                if faults:
                    print(f"{folder.name}: {'; '.join(faults)}")
    for fault, count in rounds.items():
        print(f"{fault}: {count} rounds, {wrong[fault]} with a difference")
    return wrong.total()


if __name__ == "__main__":
    sys.exit(min(1, main()))
