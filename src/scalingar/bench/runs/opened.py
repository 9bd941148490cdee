"""Opening runs: finding them in folders, and reading each with the benchmark it was made of."""

from collections.abc import Sequence
from pathlib import Path

from scalingar.bench.benchmark import Benchmark
from scalingar.bench.build_benchmark import build_benchmark
from scalingar.bench.runs.content import joined
from scalingar.bench.runs.examination import check_lines
from scalingar.bench.runs.plan import PLAN, RunPlan
from scalingar.bench.runs.results import RunResults, read_results
from scalingar.core.errors import BenchmarkError


def run_folders(folders: Sequence[Path]) -> list[Path]:
    """The runs among ``folders``, or in them. Raises BenchmarkError where there is none."""
    runs = []
    for folder in folders:
        inside = sorted(path.parent for path in folder.glob(f"*/{PLAN}"))
        if not (folder / PLAN).is_file() and not inside:
            raise BenchmarkError(f"{folder} holds no run; give a folder written by 'bench run'.")
        runs += [folder] if (folder / PLAN).is_file() else inside
    return runs


def benchmark_of(folder: Path) -> Benchmark:
    """The benchmark of a run, with the judge it had. Raises ScalingarError."""
    plan = RunPlan.read(folder)
    # Nothing is judged again, so that the run may have been made on a device that is not here.
    return build_benchmark(plan.benchmark, joined(plan.settings, plan.files), device="cpu")


def opened(folder: Path) -> RunResults:
    """The results of a run, whose lines are as they were written. Raises ScalingarError."""
    results = read_results(folder, benchmark_of(folder))
    check_lines(folder)
    return results
