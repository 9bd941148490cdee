"""Finished runs without pictures and traces, small enough for the repository."""

import io
import json
import lzma
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scalingar.bench.runs.examination import COSTS, SAMPLES
from scalingar.bench.runs.plan import PLAN, RunPlan
from scalingar.bench.runs.receipts import Receipt, encoded, signed
from scalingar.bench.runs.results import RESULTS
from scalingar.bench.runs.store import RunStore

SUFFIX = ".tar.xz"
PROMPTS = Path(__file__).parents[1] / "docs" / "data" / "prompts"
"""Where prompts lie that runs were drawn for, if they are no benchmark's own."""


def pack(run: Path, folder: Path, name: str) -> Path:
    """Write a finished run as ``folder``/``name``.tar.xz: plan, results, a line per image, and its costs summed up.

    Of the candidates those that were completed; of a derived run the chosen one. Numbers have the seven digits of fp32.
    """
    store, plan = RunStore(run), RunPlan.read(run)
    derived = plan.derived_from is not None
    lines = encoded([_slim(line, chosen_only=derived) for line in store.samples()])
    contents = {PLAN: _placed(run / PLAN, Path()), SAMPLES: b"".join(lines)}
    if not derived:
        contents[RESULTS] = (run / RESULTS).read_bytes()
        contents[COSTS] = signed(_total(store.costs()), Receipt.of(plan.digest, lines, {}))
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}{SUFFIX}"
    target.write_bytes(lzma.compress(_tar(contents), preset=9 | lzma.PRESET_EXTREME))
    return target


def unpack(file: Path, folder: Path, name: str | None = None) -> Path:
    """The run in ``folder``/NAME, as ``bench report`` and those analyses read it that need no traces.

    ``name``: NAME, if not that of the pack.
    """
    run = folder / (name or file.name.removesuffix(SUFFIX))
    run.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "r:xz") as archive:
        archive.extractall(run, filter="data")
    (run / PLAN).write_bytes(_placed(run / PLAN, PROMPTS))
    return run


def _placed(path: Path, folder: Path) -> bytes:
    """The plan, which knows its files by their content, with their names in ``folder``: those of another machine say
    nothing here.
    """
    plan = json.loads(path.read_bytes())
    plan["files"] = {name: str(folder / Path(file).name) for name, file in plan["files"].items()}
    return json.dumps(plan, indent=1).encode()


def _slim(line: Mapping[str, Any], *, chosen_only: bool) -> dict[str, Any]:
    """A line without what only its picture explains."""
    kept = {key: _rounded(value) for key, value in line.items()}
    completed = [
        each
        for each in kept["candidates"]
        if each["cut"] is None and (not chosen_only or each["index"] == line["chosen"])
    ]
    verdict = {**kept["verdict"], "details": {}}
    return {**kept, "image": "", "sha256": "", "truncated": {}, "verdict": verdict, "candidates": completed}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(str(np.float32(value)))
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value


def _total(shards: list[dict[str, Any]]) -> dict[str, Any]:
    """All shards as one, whose seconds are those of one worker."""
    total: dict[str, Any] = {"shard": 0, "workers": 1, "images": sum(shard["images"] for shard in shards)}
    for name in ("draw_seconds", "judge_seconds"):
        total[name] = sum(shard[name] / shard.get("workers", 1) for shard in shards)
    ledgers = [shard["ledger"] for shard in shards]
    total["judge_decodes"] = sum(shard.get("judge_decodes", 0) for shard in shards)
    total["ledger"] = {name: sum(ledger[name] for ledger in ledgers) for name in ledgers[0] if name != "seconds"}
    total["ledger"]["peak_bytes"] = max(ledger["peak_bytes"] for ledger in ledgers)
    stages = dict.fromkeys(stage for ledger in ledgers for stage in ledger["seconds"])
    total["ledger"]["seconds"] = {stage: sum(ledger["seconds"].get(stage, 0) for ledger in ledgers) for stage in stages}
    return total


def _tar(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
