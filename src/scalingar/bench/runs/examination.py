"""Holding the files of a run against its receipts: which shards are whole, and what is wrong with the others."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scalingar.bench.runs.plan import Job, RunPlan
from scalingar.bench.runs.receipts import Receipt, digest, read_signed
from scalingar.core.errors import BenchmarkError
from scalingar.core.files import sha256

SAMPLES, COSTS = "samples.jsonl", "costs.jsonl"


@dataclass(frozen=True)
class WrittenShard:
    """The lines of a shard, with their line feeds."""

    samples: list[bytes]
    cost: bytes


@dataclass
class Examination:
    """``whole``: shards of which everything is there and unchanged. ``complaints``: what is wrong with the rest."""

    whole: dict[int, WrittenShard] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def contents(self) -> dict[str, bytes]:
        """Both files of lines as a run without faults would have them so far."""
        shards = [self.whole[number] for number in sorted(self.whole)]
        samples = b"".join(line for shard in shards for line in shard.samples)
        return {SAMPLES: samples, COSTS: b"".join(shard.cost for shard in shards)}


def examine(folder: Path, plan: RunPlan, shards: Sequence[Sequence[Job]]) -> Examination:
    """Look at every line and every file. Raises BenchmarkError for files that cannot be opened."""
    found = Examination()
    costs, torn = complete_lines(folder / COSTS)
    receipts = _receipts(costs, torn, plan, shards, found.complaints)
    samples, torn = complete_lines(folder / SAMPLES)
    by_digest = {digest(line): line for line in samples}
    expected: set[str] = set()
    files: dict[str, str | None] = {}
    for number, jobs in enumerate(shards):
        if number not in receipts:
            continue
        cost, receipt = receipts[number]
        expected |= set(receipt.samples)
        lost = [job for job, key in zip(jobs, receipt.samples, strict=True) if key not in by_digest]
        found.complaints += [
            f"the line of image {job.number} of {job.item.id} is missing or was changed" for job in lost
        ]
        faults = [fault for path, told in receipt.files.items() if (fault := _fault(folder, path, told, files))]
        found.complaints += [fault for fault in faults if fault not in found.complaints]
        if not lost and not faults:
            found.whole[number] = WrittenShard([by_digest[key] for key in receipt.samples], cost)
    _complain_of_lines(samples, torn, expected, shards, found.complaints)
    if not found.complaints and found.contents()[SAMPLES] != b"".join(samples):
        found.complaints.append(f"{SAMPLES} is not in the order of the prompts")
    return found


def check_lines(folder: Path) -> None:
    """See that ``samples.jsonl`` holds the lines that the receipts name, in their order; a derived run has none.

    Pictures are not looked at; ``bench validate`` does. Raises BenchmarkError.
    """
    costs, _ = complete_lines(folder / COSTS)
    receipts = read_receipts(folder)
    if not costs:
        return
    lines, torn = complete_lines(folder / SAMPLES)
    expected = [key for number in sorted(receipts) for key in receipts[number].samples]
    if torn or len(receipts) < len(costs) or [digest(line) for line in lines] != expected:
        raise BenchmarkError(
            f"{folder} is not as it was written; 'bench validate' says what was changed, 'bench run' draws it again."
        )


def read_receipts(folder: Path) -> dict[int, Receipt]:
    """The last valid receipt of each shard. Raises BenchmarkError for a file that cannot be opened."""
    return dict(read for raw in complete_lines(folder / COSTS)[0] if (read := read_signed(raw)) is not None)


def complete_lines(path: Path) -> tuple[list[bytes], bool]:
    """The lines of a file that end, with their line feeds, and whether one follows that does not.

    Raises:
        BenchmarkError: it is no file, or must not be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], False
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read: {error.strerror}; remove it or copy the run again.") from None
    *lines, rest = content.split(b"\n")
    return [line + b"\n" for line in lines], bool(rest)


def _receipts(
    lines: Sequence[bytes], torn: bool, plan: RunPlan, shards: Sequence[Sequence[Job]], complaints: list[str]
) -> dict[int, tuple[bytes, Receipt]]:
    """The last valid line of each shard in ``costs.jsonl``, with its receipt."""
    receipts: dict[int, tuple[bytes, Receipt]] = {}
    faults: Counter[str] = Counter({"torn": int(torn)})
    expected = plan.digest
    for raw in lines:
        signed = read_signed(raw)
        if signed is None:
            faults["damaged or changed"] += 1
            continue
        number, receipt = signed
        if receipt.plan != expected:
            faults["written under another plan.json"] += 1
        elif not 0 <= number < len(shards) or len(receipt.samples) != len(shards[number]):
            faults["of no shard of this run"] += 1
        else:
            faults["doubled"] += number in receipts
            receipts[number] = raw, receipt
    complaints += [f"{COSTS} has lines that are {fault} ({count})" for fault, count in faults.items() if count]
    return receipts


def _fault(folder: Path, path: str, told: str, known: dict[str, str | None]) -> str | None:
    """What is wrong with a file, if anything; ``known``: hashes of files that were looked at, None for missing ones."""
    if path not in known:
        try:
            known[path] = sha256(folder / path)
        except FileNotFoundError:
            known[path] = None
        except OSError as error:
            raise BenchmarkError(f"{folder / path} cannot be read: {error.strerror}; remove it.") from None
    if known[path] is None:
        return f"{path} is missing"
    return None if known[path] == told else f"{path} was changed"


def _complain_of_lines(
    lines: Sequence[bytes], torn: bool, expected: set[str], shards: Sequence[Sequence[Job]], complaints: list[str]
) -> None:
    """Name the lines of ``samples.jsonl`` that are not as they were written, or are there too often."""
    images = {(job.item.id, job.number) for jobs in shards for job in jobs}
    faults: Counter[str] = Counter({"torn": int(torn)})
    for key, count in Counter(map(digest, lines)).items():
        faults["doubled"] += count - 1 if key in expected else 0
    for line in lines:
        if digest(line) not in expected:
            faults[_kind_of_fault(line, images)] += 1
    complaints += [f"{SAMPLES} has lines that are {fault} ({count})" for fault, count in faults.items() if count]


def _kind_of_fault(line: bytes, images: set[tuple[str, int]]) -> str:
    try:
        told = json.loads(line)
        known = (told["id"], told["number"]) in images
    except (ValueError, TypeError, KeyError, RecursionError):
        return "damaged"
    return "changed, doubled or without costs" if known else "of images that are none of this run's"
