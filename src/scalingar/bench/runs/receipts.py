"""What a shard's line in ``costs.jsonl`` says of the files that were written with it.

The line is written last. A shard counts as done when its receipt is there and everything is as the receipt says.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

Line = dict[str, Any]


@dataclass(frozen=True)
class Receipt:
    """SHA-256 of everything that belongs to a shard."""

    plan: str
    """Of the plan: see :attr:`~scalingar.bench.runs.plan.RunPlan.digest`."""
    samples: list[str]
    """Of each of its lines in ``samples.jsonl``, with the line feed."""
    files: dict[str, str]
    """Of its pictures, the side files of its prompts and its traces, by path."""

    @classmethod
    def of(cls, plan: str, samples: Iterable[bytes], files: Mapping[str, bytes]) -> Self:
        """The receipt of what is about to be written."""
        return cls(plan, [digest(line) for line in samples], {name: digest(part) for name, part in files.items()})


def digest(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def encoded(lines: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Lines of JSON as they stand in files."""
    return [(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode() for line in lines]


def signed(cost: Line, receipt: Receipt) -> bytes:
    """The line of ``costs.jsonl``: a shard's costs, its receipt, and a hash over both."""
    line = {**cost, "receipt": asdict(receipt)}
    return encoded([{**line, "sha256": _line_digest(line)}])[0]


def read_signed(raw: bytes) -> tuple[int, Receipt] | None:
    """Number and receipt of a shard, or None for a line that is damaged or was changed."""
    try:
        line = json.loads(raw)
        told = line.pop("sha256")
        return (int(line["shard"]), Receipt(**line["receipt"])) if told == _line_digest(line) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _line_digest(line: Line) -> str:
    return digest(json.dumps(line, sort_keys=True).encode())
