"""Checking that a run is complete, and that everything in it is as it was written."""

import json
from pathlib import Path

from scalingar.bench.benchmark import Benchmark, shortened
from scalingar.bench.runs.examination import examine
from scalingar.bench.runs.results import RESULTS, RunResults, read_results
from scalingar.core.errors import BenchmarkError
from scalingar.core.locks import writer_of


def check_run(folder: Path, benchmark: Benchmark) -> int:
    """Check a run; returns its number of images.

    Raises:
        BenchmarkError: images, lines, costs or the plan are missing or changed, the run was judged by another version
            or derived, or it is still being written.
    """
    if (writer := writer_of(folder)) is not None:
        raise BenchmarkError(f"{folder} is being written by {writer}; validate it when that is done.")
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
    shards = plan.shards(plan.jobs(list(benchmark.items())))
    complaints = examine(folder, plan, shards).complaints + _changed_results(results)
    if complaints:
        raise BenchmarkError(
            f"{folder} is not as it was written: {shortened(complaints)}. Run it again with 'bench run' to mend it."
        )
    return len(results.samples)


def _changed_results(results: RunResults) -> list[str]:
    """A complaint about ``results.json`` if it is there and says something else than the lines do."""
    try:
        told = json.loads((results.folder / RESULTS).read_text("utf-8"))
        now = json.loads(json.dumps(results.to_dict()))
        changed = [name for name in ("plan", "scores", "costs") if told[name] != now[name]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return [f"{RESULTS} is damaged"]
    return [f"{RESULTS} has other {' and '.join(changed)}"] if changed else []
