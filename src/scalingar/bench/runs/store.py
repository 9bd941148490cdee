"""The files of a run: a line per image, and the images."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalingar.bench.runs.plan import PLAN, RunPlan
from scalingar.core.errors import BenchmarkError, OutputError
from scalingar.core.files import check_writable, write_file

SAMPLES, COSTS, IMAGES, TRACES = "samples.jsonl", "costs.jsonl", "images", "traces"


@dataclass(frozen=True)
class RunStore:
    """The folder of one run.

    ``samples.jsonl``: a line per image in the order of the plan's jobs, free of timings.
    ``costs.jsonl``: a line per shard with its costs and timings.
    ``images/``: in the benchmark's official layout. ``traces/``: arrays per shard, if all candidates are judged.
    """

    folder: Path

    def open(self, plan: RunPlan) -> int:
        """Start or resume a run; returns how many images are complete.

        An incomplete last line, left by a kill, is removed.

        Raises:
            BenchmarkError: the folder holds another run or other files.
            OutputError: the folder cannot be written to.
        """
        check_writable(self.folder)
        if (self.folder / PLAN).exists():
            plan.check_same(RunPlan.read(self.folder), self.folder)
        elif (self.folder / SAMPLES).exists():
            raise BenchmarkError(f"{self.folder} holds {SAMPLES} but no {PLAN}; choose another folder.")
        else:
            plan.write(self.folder)
        self._truncate(self.folder / COSTS)
        return self._truncate(self.folder / SAMPLES)

    def samples(self) -> list[dict[str, Any]]:
        """All complete lines. Raises BenchmarkError."""
        return list(_read_lines(self.folder / SAMPLES))

    def costs(self) -> list[dict[str, Any]]:
        """A line per complete shard, the last one if it was computed twice. Raises BenchmarkError."""
        by_shard = {line["shard"]: line for line in _read_lines(self.folder / COSTS)}
        return [by_shard[shard] for shard in sorted(by_shard)]

    def append(self, name: str, lines: Sequence[Mapping[str, Any]]) -> None:
        """Append lines and wait until they are on disk. Raises OutputError."""
        text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
        try:
            with (self.folder / name).open("a", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"cannot write {self.folder / name}: {error.strerror}; the run can be resumed.") from None

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically, creating its folders. Raises OutputError."""
        path = self.folder / name
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content)

    def _truncate(self, path: Path) -> int:
        """Remove an incomplete last line; returns the number of lines."""
        if not path.exists():
            return 0
        content = path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        if len(complete) < len(content):
            write_file(path, complete)
        return complete.count(b"\n")


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        raise BenchmarkError(f"{path} cannot be read; copy the run again.") from None
    for number, line in enumerate(text.splitlines(), 1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            raise BenchmarkError(f"{path}, line {number} is damaged; resume the run with 'bench run'.") from None
