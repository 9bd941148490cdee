"""GenEval's verdict on an image from its detections: the rule of evaluate_images.py (commit af4902f)."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from scalingar.bench.benchmarks.geneval.metadata import Clause, Metadata
from scalingar.bench.judges.detectors.detector import Box, Detection
from scalingar.core.settings import Settings
from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES

ColorOf = Callable[[Detection], str]
Objects = Mapping[str, Sequence[Detection]]
"""Detections that count, by class, most confident first; classes without any have no entry."""


class GenEvalOptions(Settings):
    """The official options of the rule, with their defaults."""

    threshold: float = Field(0.3, ge=0, le=1, description="objects count above this score")
    counting_threshold: float = Field(0.9, ge=0, le=1, description="the same for the task counting")
    max_objects: int = Field(16, ge=1, description="per class, the most confident")
    max_overlap: float = Field(1.0, gt=0, le=1, description="IoU from which a weaker object of a class is dropped")
    position_threshold: float = Field(0.1, ge=0, description="of the summed sizes, a shift that is still no relation")


@dataclass(frozen=True)
class Outcome:
    """Whether the image is right, and upstream's reasons why not, one line per failed clause."""

    correct: bool
    reason: str


def judge(metadata: Metadata, objects: Objects, color_of: ColorOf, options: GenEvalOptions) -> Outcome:
    """Check all clauses; every one that fails gives its reason.

    ``color_of`` is called only for objects whose colour a clause names. Colours and positions are checked on the
    ``count`` most confident objects of the class only.
    """
    reasons: list[str] = []
    groups: list[Sequence[Detection] | None] = []
    for clause in metadata.include:
        found = objects.get(clause.name, ())[: clause.count]
        reason = next(_complaints(clause, found, groups, color_of, options), None)
        groups.append(found if reason is None else None)
        reasons += [] if reason is None else [reason]
    for clause in metadata.exclude:
        if (count := len(objects.get(clause.name, ()))) >= clause.count:
            reasons.append(f"expected {clause.name}<{clause.count}, found {count}")
    return Outcome(not reasons, "\n".join(reasons))


def found_objects(detections: Sequence[Detection], tag: str, options: GenEvalOptions) -> dict[str, list[Detection]]:
    """Detections that count: above the task's threshold, at most ``max_objects`` a class, not overlapping too much."""
    threshold = np.float32(options.counting_threshold if tag == "counting" else options.threshold)
    by_class: dict[str, list[Detection]] = {name: [] for name in OBJECT_CLASSES}
    for detection in sorted(detections, key=lambda detection: -detection.score):
        if np.float32(detection.score) > threshold:  # upstream's scores are float32; .3 itself must not pass
            by_class.setdefault(detection.name, []).append(detection)
    limited = {name: members[: options.max_objects] for name, members in by_class.items() if members}
    return {name: _without_overlaps(members, options.max_overlap) for name, members in limited.items()}


def relations(a: Box, b: Box, threshold: float) -> set[str]:
    """The position of ``a`` relative to ``b``: none, one or, diagonally, two of left of, right of, above, below.

    The offset of the centres is reduced along each axis by ``threshold`` times the summed sizes; an axis counts if the
    rest exceeds half the length of the full offset.
    """
    offset = [(a[i] + a[i + 2] - b[i] - b[i + 2]) / 2 for i in (0, 1)]
    sizes = [abs(a[i + 2] - a[i]) + abs(b[i + 2] - b[i]) for i in (0, 1)]
    reduced = [
        math.copysign(max(abs(shift) - threshold * size, 0), shift) for shift, size in zip(offset, sizes, strict=True)
    ]
    if all(abs(shift) < 1e-3 for shift in reduced):
        return set()
    dx, dy = (shift / math.hypot(*offset) for shift in reduced)
    conditions = {"left of": dx < -0.5, "right of": dx > 0.5, "above": dy < -0.5, "below": dy > 0.5}
    return {relation for relation, true in conditions.items() if true}


def intersection_over_union(a: Box, b: Box) -> float:
    """IoU of two boxes with inclusive ends, whose areas are (width + 1)(height + 1), as upstream computes it."""
    shared = _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    union = _area(a) + _area(b) - shared
    return shared / union if union else 0.0


def _area(box: Box) -> float:
    return max(box[2] - box[0] + 1, 0) * max(box[3] - box[1] + 1, 0)


def _without_overlaps(members: list[Detection], max_overlap: float) -> list[Detection]:
    """Greedy non-maximum suppression; nothing is suppressed if ``max_overlap`` is 1."""
    selected: list[Detection] = []
    for detection in members:
        if max_overlap == 1 or all(
            intersection_over_union(other.box, detection.box) < max_overlap for other in selected
        ):
            selected.append(detection)
    return selected


def _complaints(
    clause: Clause,
    found: Sequence[Detection],
    groups: Sequence[Sequence[Detection] | None],
    color_of: ColorOf,
    options: GenEvalOptions,
) -> Iterator[str]:
    """Reasons why a clause fails; callers use only the first."""
    if len(found) < clause.count:
        yield f"expected {clause.name}>={clause.count}, found {len(found)}"
    if clause.color is not None:
        yield from _color_complaints(clause, clause.color, [color_of(detection) for detection in found])
    if clause.position is not None:
        relation, target = clause.position
        yield from _position_complaints(clause.name, relation, found, groups[target], options.position_threshold)


def _color_complaints(clause: Clause, color: str, colors: list[str]) -> Iterator[str]:
    if colors.count(color) < clause.count:
        counts = ", ".join(f"{colors.count(name)} {name}" for name in COLORS if name in colors)
        yield f"expected {color} {clause.name}>={clause.count}, found {colors.count(color)} {color}; and {counts}"


def _position_complaints(
    name: str, relation: str, found: Sequence[Detection], targets: Sequence[Detection] | None, threshold: float
) -> Iterator[str]:
    if targets is None:
        yield f"no target for {name} to be {relation}"
        return
    for detection in found:
        for target in targets:
            if relation not in (actual := relations(detection.box, target.box, threshold)):
                yield f"expected {name} {relation} target, found {' and '.join(sorted(actual))} target"
