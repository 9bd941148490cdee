"""Peak memory against live rows: ``python -m speed.memory``.

Each N runs in a process of its own; printed are the bytes its live trajectories held at most (the ledger's count) and
the growth of the process's resident set over that of a single trajectory.
"""

import argparse
import resource
import subprocess
import sys

from scalingar.pipeline.pipeline import ImagePipeline
from speed.machine import describe

PROMPT = "a photo of a red apple left of a dog"


def child(model: str, count: int, strategy: str) -> None:
    """One run; prints the ledger's peak and the process's, in bytes."""
    pipe = ImagePipeline.from_pretrained(model)
    output = pipe(PROMPT, strategy=strategy, num_trajectories=count, seed=0)
    print(output.ledger.peak_bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--strategy", default="scaling-ar")
    parser.add_argument("--child", type=int, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        child(args.model, args.child, args.strategy)
        return
    print(describe())
    print(f"{'N':>3s} {'live rows MB':>13s} {'process MB':>11s} {'over N=1':>9s}")
    base = 0.0
    for count in (1, 2, 4, 8, 16, 32):
        command = [sys.executable, "-m", "speed.memory", "--child", str(count)]
        command += ["--model", args.model, "--strategy", args.strategy]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        live, resident = (int(word) / 1e6 for word in run.stdout.split())
        base = base or resident
        print(f"{count:3d} {live:13.1f} {resident:11.1f} {resident - base:9.1f}")


if __name__ == "__main__":
    main()
