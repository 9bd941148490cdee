"""Checking that a run is complete and that its images are the ones that were judged."""

import hashlib
from pathlib import Path

from scalingar.bench.benchmark import Benchmark, shortened
from scalingar.bench.runs.results import read_results
from scalingar.core.errors import BenchmarkError


def check_run(folder: Path, benchmark: Benchmark) -> int:
    """Check a run; returns its number of images.

    Raises:
        BenchmarkError: images are missing or changed, or the run was judged by another version or derived.
    """
    results = read_results(folder, benchmark)
    plan = results.plan
    if plan.benchmark_version != benchmark.version:
        raise BenchmarkError(
            f"{folder} was judged by version {plan.benchmark_version} of {plan.benchmark}, "
            f"this is version {benchmark.version}; run it again."
        )
    if plan.derived_from is not None:
        raise BenchmarkError(
            f"{folder} was computed from the run {plan.derived_from['run']} and has no images; validate that run."
        )
    complaints = []
    for line in results.samples:
        path = folder / line["image"]
        if not path.is_file():
            complaints.append(f"{line['image']} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != line["sha256"]:
            complaints.append(f"{line['image']} was changed")
    if complaints:
        raise BenchmarkError(f"{folder} is not as it was judged: {shortened(complaints)}.")
    return len(results.samples)
