"""Putting the parts of a run together: every shard from exactly one folder, unchanged, with its costs."""

from collections.abc import Sequence
from pathlib import Path

from scalingar.bench.benchmark import Benchmark, shortened
from scalingar.bench.runs.examination import Examination, WrittenShard, examine
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.receipts import digest, read_signed
from scalingar.bench.runs.store import RunStore
from scalingar.core.errors import BenchmarkError
from scalingar.core.locks import writer_of


def merge(folders: Sequence[Path], benchmark: Benchmark, store: RunStore) -> int:
    """Write the run that ``folders`` are parts of; returns its number of images. A merge that was stopped goes on.

    Raises:
        BenchmarkError: the folders are parts of different runs, a shard is in none or in two of them, something in
            them is not as it was written, or the run would be written over one of them.
        OutputError: the run cannot be written.
    """
    for folder in folders:
        if folder.resolve() == store.folder.resolve():
            raise BenchmarkError(f"{folder} is a part, which the whole run would replace; give another --output.")
    plans = [RunPlan.read(folder) for folder in folders]
    plan = plans[0]
    for folder, other in zip(folders, plans, strict=True):
        if other.device_kind != plan.device_kind or other.digest != plan.digest:
            plan.check_same(other, folder)
    plan.check_content(benchmark, folders[0])
    shards = plan.shards(plan.jobs(list(benchmark.items())))
    found = [_examined(folder, plan, benchmark) for folder in folders]
    sources = _sources(folders, found, len(shards))
    with store.writing(plan, shards, range(len(shards))) as run:
        for number, (folder, shard) in sorted(sources.items()):
            if not run.done(number):
                run.put(number, shard, _files(folder, shard))
    return sum(map(len, shards))


def _examined(folder: Path, plan: RunPlan, benchmark: Benchmark) -> Examination:
    if (writer := writer_of(folder)) is not None:
        raise BenchmarkError(f"{folder} is being written by {writer}; merge it when that is done.")
    found = examine(folder, plan, plan.shards(plan.jobs(list(benchmark.items()))))
    if found.complaints:
        raise BenchmarkError(
            f"{folder} is not as it was written: {shortened(found.complaints)}. Run that part again to mend it."
        )
    return found


def _sources(
    folders: Sequence[Path], found: Sequence[Examination], shards: int
) -> dict[int, tuple[Path, WrittenShard]]:
    """Where each shard is. Raises BenchmarkError: in two folders, or in none."""
    sources: dict[int, tuple[Path, WrittenShard]] = {}
    for folder, one in zip(folders, found, strict=True):
        for number, shard in one.whole.items():
            if number in sources:
                raise BenchmarkError(
                    f"{sources[number][0]} and {folder} both hold shard {number} of the run; leave one of them out."
                )
            sources[number] = folder, shard
    missing = [f"shard {number}" for number in range(shards) if number not in sources]
    if missing:
        raise BenchmarkError(
            f"the parts are not the whole run: {shortened(missing)} of {shards} missing. Finish every part, and name "
            "all of them."
        )
    return sources


def _files(folder: Path, shard: WrittenShard) -> dict[str, bytes]:
    """The files of a shard. Raises BenchmarkError: one was changed since it was looked at."""
    signed = read_signed(shard.cost)
    assert signed is not None  # it was read before
    files: dict[str, bytes] = {}
    for name, told in signed[1].files.items():
        try:
            files[name] = (folder / name).read_bytes()
        except OSError as error:
            raise BenchmarkError(f"{folder / name} cannot be read: {error.strerror}; run that part again.") from None
        if digest(files[name]) != told:
            raise BenchmarkError(f"{folder / name} was changed; run that part again.")
    return files
