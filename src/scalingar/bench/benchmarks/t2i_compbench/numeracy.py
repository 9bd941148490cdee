"""T2I-CompBench++'s score of counts: half for a thing that is there, half for its exact number."""

from collections.abc import Sequence

from scalingar.bench.judges.detectors import Detection
from scalingar.bench.judges.detectors.detector import Box

SAME = 0.9
"""Two boxes of one name are one thing if they overlap (IoU) by more, or either lies in the other by more."""


def count_score(wanted: Sequence[tuple[str, int]], found: Sequence[Detection]) -> float:
    """Mean over the wanted things, in [0, 1]. A label that contains a wanted name counts where no label equals it."""
    names = [thing.name for thing in distinct(found)]
    score = 0.0
    for name, number in wanted:
        if name not in names:
            names = [name if name in label else label for label in names]
        score += 0.5 * (name in names) + 0.5 * (names.count(name) == number)
    return score / len(wanted)


def distinct(found: Sequence[Detection]) -> list[Detection]:
    """The detections without those that repeat an earlier one of their name."""
    kept: list[Detection] = []
    for thing in found:
        if not any(thing.name == other.name and same_place(thing.box, other.box) for other in kept):
            kept.append(thing)
    return kept


def same_place(first: Box, second: Box) -> bool:
    """Whether two boxes hold one thing; sides count the pixel at their end, as upstream."""
    sides = [max(0.0, min(first[2 + k], second[2 + k]) - max(first[k], second[k]) + 1) for k in (0, 1)]
    shared = sides[0] * sides[1]
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (first, second)]
    return any(shared > SAME * whole for whole in (sum(areas) - shared, *areas))
