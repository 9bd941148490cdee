"""The files of a run: a line per image, and the images."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scalingar.bench.benchmark import shortened
from scalingar.bench.runs.examination import COSTS, SAMPLES, Examination, WrittenShard, complete_lines, examine
from scalingar.bench.runs.lines import read_costs, read_samples
from scalingar.bench.runs.plan import PLAN, Job, RunPlan
from scalingar.bench.runs.receipts import Receipt, encoded, read_signed, signed
from scalingar.core.errors import BenchmarkError, OutputError
from scalingar.core.files import append, check_writable, write_file, write_files
from scalingar.core.locks import sole_writer

IMAGES, TRACES = "images", "traces"
RESULTS = "results.json"


class RepairWarning(UserWarning):
    """Part of a run was not as it was written, and is drawn again."""


@dataclass(frozen=True)
class RunStore:
    """The folder of one run.

    ``samples.jsonl``: a line per image in the order of the plan's jobs, free of timings.
    ``costs.jsonl``: a line per shard with its costs, timings and receipt.
    ``images/``: in the benchmark's official layout. ``traces/``: arrays per shard, if all candidates are judged.
    ``results.json``: the figures, if the run is finished.
    """

    folder: Path

    @contextmanager
    def writing(self, plan: RunPlan, shards: Sequence[Sequence[Job]], wanted: Sequence[int]) -> Iterator["Writing"]:
        """Start or resume a run, as the only one who writes into its folder; ``wanted``: the shards that are its own.

        What is not as it was written is dropped, with a RepairWarning, and so is what a kill left half done. Where a
        shard is left to draw, the results go, too: they are of a whole run.

        Raises:
            BenchmarkError: the folder holds another run or other files.
            OutputError: the folder cannot be written to, or another process writes there.
        """
        check_writable(self.folder)
        with sole_writer(self.folder):
            plan = self._take_up(plan)
            found = examine(self.folder, plan, shards)
            if len(found.whole) < len(shards):
                self._drop_results()
            for name, content in found.contents().items():
                if (self.folder / name).exists() and (self.folder / name).read_bytes() != content:
                    write_file(self.folder / name, content)
            if found.complaints:
                left = sum(len(shards[number]) for number in wanted if number not in found.whole)
                warnings.warn(
                    f"{self.folder} is not as it was written: {shortened(found.complaints)}. That was dropped; "
                    f"{left} image{'s are' if left != 1 else ' is'} left to draw.",
                    RepairWarning,
                    stacklevel=3,
                )
            yield Writing(self.folder, plan.digest, found)

    def samples(self) -> list[dict[str, Any]]:
        """All complete lines. Raises BenchmarkError."""
        return read_samples(self.folder / SAMPLES)

    def costs(self) -> list[dict[str, Any]]:
        """A line per complete shard, the last one if it was computed twice. Raises BenchmarkError."""
        by_shard = {line["shard"]: line for line in read_costs(self.folder / COSTS)}
        return [by_shard[shard] for shard in sorted(by_shard)]

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically. Raises OutputError."""
        write_file(self.folder / name, content)

    def _drop_results(self) -> None:
        try:
            (self.folder / RESULTS).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot remove {self.folder / RESULTS}: {error.strerror}.") from None

    def _take_up(self, plan: RunPlan) -> RunPlan:
        """See that the folder holds this plan. One that was lost or changed after the run began is restored.

        Returns the plan as the run began with it: earlier versions told no kind of device.
        """
        receipts = [told for raw in complete_lines(self.folder / COSTS)[0] if (told := read_signed(raw)) is not None]
        begun = {receipt.plan for _, receipt in receipts}
        plan = self._as_begun(plan, begun)
        ours = begun == {plan.digest}
        if not (self.folder / PLAN).exists():
            if not ours and ((self.folder / SAMPLES).exists() or (self.folder / COSTS).exists()):
                raise BenchmarkError(f"{self.folder} holds {SAMPLES} but no {PLAN}; choose another folder.")
        else:
            try:
                there = RunPlan.read(self.folder)
                plan.check_same(there, self.folder)
                if there.files == plan.files:
                    return plan
            except BenchmarkError:
                if not ours:
                    raise
                warnings.warn(f"{self.folder / PLAN} was changed and is restored.", RepairWarning, stacklevel=5)
        plan.write(self.folder)
        return plan

    def _as_begun(self, plan: RunPlan, begun: set[str]) -> RunPlan:
        older = plan.model_copy(update={"device_kind": None})
        if begun in ({plan.digest}, {older.digest}):
            return plan if begun == {plan.digest} else older
        try:
            return older if RunPlan.read(self.folder).device_kind is None else plan
        except BenchmarkError:  # nothing is there yet, or nothing that can be read
            return plan


@dataclass
class Writing:
    """A run's folder while it is open to this process alone."""

    folder: Path
    plan: str
    """Digest of the plan."""
    found: Examination = field(repr=False)
    """What is written so far."""

    def done(self, number: int) -> bool:
        """Whether a shard is written, whole and unchanged."""
        return number in self.found.whole

    def add(
        self, number: int, lines: Sequence[Mapping[str, Any]], cost: dict[str, Any], files: Mapping[str, bytes]
    ) -> None:
        """Write a shard: its files, then its lines, then its costs with the receipt, each on disk before the next.

        Raises:
            OutputError: the run can be resumed.
        """
        samples = encoded(lines)
        self.put(number, WrittenShard(samples, signed(cost, Receipt.of(self.plan, samples, files))), files)

    def put(self, number: int, shard: WrittenShard, files: Mapping[str, bytes]) -> None:
        """As :meth:`add`, of lines that are signed already."""
        last = all(number > other for other in self.found.whole)
        self.found.whole[number] = shard
        try:
            write_files(self.folder, files)
            if last:
                append(self.folder / SAMPLES, b"".join(shard.samples))
                append(self.folder / COSTS, shard.cost)
            else:  # it was lost, and belongs between others
                write_files(self.folder, self.found.contents())
        except OSError as error:
            raise OutputError(f"cannot write into {self.folder}: {error.strerror}; the run can be resumed.") from None
