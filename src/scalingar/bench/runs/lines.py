"""The lines of ``samples.jsonl`` and ``costs.jsonl``, checked as they are read."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from scalingar.bench.runs.examination import complete_lines
from scalingar.core.errors import BenchmarkError
from scalingar.core.outputs import Ledger
from scalingar.core.validation import sentence

_LATER = {"preview_tokens", "requests"}
"""Counts of a ledger that runs of earlier versions, or of models without a preview, do not have."""


class _Kept(BaseModel):
    """Part of a line. It is only held against this, and handed on as it was read."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Verdict(_Kept):
    points: float
    total: float = Field(ge=0)
    reason: str
    details: dict[str, Any]


class _Earned(_Kept):
    points: float
    total: float | None = Field(None, ge=0)
    reason: str


class _Cut(_Kept):
    step: int
    reason: str


class _Candidate(_Kept):
    index: int
    tokens: int
    cut: _Cut | None
    signals: dict[str, float | None]
    rewards: dict[str, float | None]
    verdict: _Earned | _Verdict | None


class _Sample(_Kept):
    id: str
    number: int = Field(ge=0)
    task: str
    prompt: str
    seed: int
    image: str | None
    sha256: str | None
    chosen: int = Field(ge=0)
    tokens: int = Field(ge=0)
    verdict: _Verdict
    truncated: dict[str, Any]
    candidates: list[_Candidate] = Field(min_length=1)


class _Costs(_Kept):
    shard: int = Field(ge=0)
    images: int = Field(ge=1)
    workers: int = Field(ge=1)
    draw_seconds: float = Field(ge=0)
    judge_seconds: float = Field(ge=0)
    judge_decodes: int = Field(ge=0)
    ledger: dict[str, Any]
    receipt: dict[str, Any]
    sha256: str

    @field_validator("ledger")
    @classmethod
    def _known(cls, ledger: dict[str, Any]) -> dict[str, Any]:
        names = {*(field.name for field in fields(Ledger)), "total_seconds"}
        if not names - _LATER <= set(ledger) <= names:
            raise ValueError(f"must have the counts of a ledger, not {', '.join(ledger)}")
        return ledger


def read_samples(path: Path) -> list[dict[str, Any]]:
    """Every line of ``samples.jsonl``. Raises BenchmarkError for one that is none."""
    return _read(path, _Sample)


def read_costs(path: Path) -> list[dict[str, Any]]:
    """Every line of ``costs.jsonl``. Raises BenchmarkError for one that is none."""
    return _read(path, _Costs)


def _read(path: Path, kind: type[_Kept]) -> list[dict[str, Any]]:
    lines, torn = complete_lines(path)
    read = []
    for number, raw in enumerate(lines, 1):
        try:
            line = json.loads(raw)
            kind.model_validate(line)
        except ValidationError as error:
            reason = sentence(error, kind)
        except (ValueError, RecursionError):
            reason = "it is no JSON"
        else:
            read.append(line)
            continue
        raise BenchmarkError(f"{path}, line {number} is damaged ({reason[:200]}); resume the run with 'bench run'.")
    if torn:
        raise BenchmarkError(f"{path}, line {len(lines) + 1} is torn; resume the run with 'bench run'.")
    return read
