"""GenEval's official result lines."""

import json
from typing import Any

from scalingar.bench.benchmarks.geneval.metadata import Metadata
from scalingar.bench.benchmarks.geneval.rules import Objects, Outcome

Boxes = dict[str, list[list[float]]]
"""``[x0, y0, x1, y1, score]`` of detections, by class."""


def result_line(filename: str, metadata: Metadata, outcome: Outcome, boxes_by_class: Boxes) -> dict[str, Any]:
    """One line of upstream's results.jsonl, in which ``metadata`` and ``details`` are strings of JSON."""
    return {
        "filename": filename,
        "tag": metadata.tag,
        "prompt": metadata.prompt,
        "correct": outcome.correct,
        "reason": outcome.reason,
        "metadata": metadata_string(metadata),
        "details": json.dumps(boxes_by_class),
    }


def metadata_string(metadata: Metadata) -> str:
    """The official line of a prompt, by which upstream identifies it."""
    return json.dumps(metadata.to_dict())


def boxes(objects: Objects) -> Boxes:
    """The result of :func:`rules.found_objects` as plain values."""
    return {name: [[*detection.box, detection.score] for detection in members] for name, members in objects.items()}
