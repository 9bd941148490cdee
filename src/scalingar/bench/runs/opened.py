"""Opening runs: finding them in folders, and reading each with the benchmark it was made of."""

from collections.abc import Sequence
from pathlib import Path

from scalingar.bench.benchmark import Benchmark
from scalingar.bench.build_benchmark import build_benchmark
from scalingar.bench.runs.content import joined
from scalingar.bench.runs.examination import check_lines
from scalingar.bench.runs.plan import PLAN, RunPlan
from scalingar.bench.runs.results import RunResults, read_results
from scalingar.core.errors import BenchmarkError, ScalingarError


def run_folders(folders: Sequence[Path]) -> list[Path]:
    """The runs among ``folders``, or in them. Raises BenchmarkError where there is none."""
    runs = []
    for folder in folders:
        inside = sorted(path.parent for path in folder.glob(f"*/{PLAN}"))
        if not (folder / PLAN).is_file() and not inside:
            if any(folder.glob(f"part-*-of-*/*/{PLAN}")):
                raise BenchmarkError(
                    f"{folder} holds parts of runs; put them together with 'bench merge {folder}/part-* -o FOLDER', "
                    "and give what that writes."
                )
            raise BenchmarkError(f"{folder} holds no run; give a folder written by 'bench run'.")
        runs += [folder] if (folder / PLAN).is_file() else inside
    return runs


def benchmark_of(folder: Path) -> Benchmark:
    """The benchmark of a run, with the judge it had. Raises ScalingarError; BenchmarkError that names files which the
    run was made with and which are not where they were.
    """
    plan = RunPlan.read(folder)
    try:
        # Nothing is judged again, so that the run may have been made on a device that is not here.
        return build_benchmark(plan.benchmark, joined(plan.settings, plan.files), device="cpu")
    except ScalingarError as error:
        named = {name: path for name, path in plan.files.items() if path in str(error)}
        moved = [f"{name}={path}" for name, path in named.items() if not Path(path).exists()]
        if not moved:
            raise
        raise BenchmarkError(
            f"{folder} was made with {' '.join(moved)}, which is not there; give the command that began it again, with "
            "the new place and the same folder: nothing is drawn again."
        ) from None


def opened(folder: Path) -> RunResults:
    """The results of a run, whose lines are as they were written. Raises ScalingarError."""
    results = read_results(folder, benchmark_of(folder))
    check_lines(folder)
    return results
