"""The stored cases of official GenEval, and detections in their notation."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scalingar.bench.judges.detectors import Detection

HOME = Path(__file__).parents[3]
METADATA = HOME / "data" / "geneval" / "evaluation_metadata.jsonl"
CASES: dict[str, Any] = json.loads((HOME / "golden" / "geneval" / "cases.json").read_text())
EXAMPLES: dict[str, Any] = json.loads((HOME / "golden" / "geneval" / "examples.json").read_text())


def detection(entry: dict[str, Any]) -> Detection:
    """The colour classifier of the cases says white where an entry has no colour."""
    return Detection(entry["class"], tuple(entry["box"]), entry["score"], entry.get("color", "white"))


def detections(entries: Sequence[dict[str, Any]]) -> list[Detection]:
    """All of one image."""
    return [detection(entry) for entry in entries]


def color_of(detection: Detection) -> str:
    """What the cases' classifier says."""
    assert detection.color is not None
    return detection.color
