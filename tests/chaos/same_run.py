"""Whether two run folders hold the same, but for what depends on time."""

import json
from pathlib import Path
from typing import Any

from scalingar.bench.runs.store import COSTS

RESULTS = "results.json"
_TIMED = ("created", "name", "hardware")
"""Keys of ``results.json`` that differ between equal runs."""


def differences(whole: Path, killed: Path) -> list[str]:
    """What distinguishes a run that was killed from one that was not; empty if nothing does.

    Every file that only one of them has counts, so that nothing may be left behind; costs have to be there for the same
    shards with the same counts.
    """
    old, new = contents(whole), contents(killed)
    told = [f"{name} is {'missing' if name in old else 'litter'}" for name in sorted(old.keys() ^ new.keys())]
    return told + [f"{name} differs" for name in sorted(old.keys() & new.keys()) if old[name] != new[name]]


def contents(folder: Path) -> dict[str, Any]:
    """Everything in a folder by relative path: bytes, and of timed files what does not depend on time."""
    paths = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {name: None if path.is_dir() else _content(path) for name, path in paths.items()}


def _content(path: Path) -> Any:
    if path.name == COSTS:
        return [_counted(json.loads(line)) for line in path.read_text("utf-8").split("\n") if line]
    if path.name == RESULTS:
        told = json.loads(path.read_text("utf-8"))
        return {name: value for name, value in told.items() if name not in _TIMED} | {"costs": _counts(told["costs"])}
    return path.read_bytes()


def _counted(line: dict[str, Any]) -> dict[str, Any]:
    kept = {name: line[name] for name in ("shard", "images", "judge_decodes", "receipt")}
    return kept | {"ledger": _counts(line["ledger"])}


def _counts(costs: dict[str, Any]) -> dict[str, Any]:
    """Costs without seconds, and without the peak, which depends on how many shards ran at once."""
    flat = {**costs, **(costs.get("ledger") or {})}
    return {
        name: flat[name] for name in ("tokens", "forward_rows", "decodes", "reward_calls", "images") if name in flat
    }
