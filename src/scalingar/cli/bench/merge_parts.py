"""``scalingar bench merge``: the runs of all parts as whole runs."""

from collections.abc import Sequence
from pathlib import Path

from scalingar.bench.runs.opened import benchmark_of
from scalingar.bench.runs.parts.merge import merge
from scalingar.bench.runs.results import read_results, write_results
from scalingar.bench.runs.store import RunStore
from scalingar.cli.terminal import counted, say


def merge_parts(runs: Sequence[Path], output: Path) -> None:
    """Put runs of one label together, each label for itself. Raises BenchmarkError, OutputError."""
    labels: dict[str, list[Path]] = {}
    for run in runs:
        labels.setdefault(run.resolve().name, []).append(run)
    for label, folders in labels.items():
        benchmark, store = benchmark_of(folders[0]), RunStore(output / label)
        images = merge(folders, benchmark, store)
        results = read_results(store.folder, benchmark)
        write_results(results, store)
        say(
            f"{label}: {results.summary.label} {results.summary.overall.value:.4f}, {counted(images, 'image')} of "
            f"{counted(len(folders), 'part')} in {store.folder}"
        )
