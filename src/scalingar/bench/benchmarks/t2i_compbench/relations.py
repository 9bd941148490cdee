"""T2I-CompBench's scores of spatial relations from boxes, and from boxes with depth (Huang et al. 2023, 2025)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from scalingar.bench.judges.detectors import Detection
from scalingar.bench.judges.detectors.detector import Box

RELATIONS_2D = (
    "on side of",
    "next to",
    "near",
    "on the left of",
    "on the right of",
    "on the bottom of",
    "on the top of",
    "on top of",
)
"""In the order in which a prompt is searched. As upstream, "on top of" is found and never holds."""
NEARBY = RELATIONS_2D[:3]
AXES = {"on the left of": (0, 1), "on the right of": (0, -1), "on the top of": (1, 1), "on the bottom of": (1, -1)}
"""Axis (0: x), and the sign of the way from the first thing to the second along it."""
RELATIONS_3D = ("in front of", "behind", "hidden")
NEAR_PIXELS = 150
APART, TOGETHER = 0.1, 0.5
"""Overlaps (IoU): from the first on, things count as less and less apart in the plane; from the second on, as fully one
before the other in depth."""
LEAST = 0.5
"""Scores in the plane below this are 0."""


def relation_of(prompt: str, relations: Sequence[str]) -> str | None:
    """The first of the relations that the prompt names."""
    return next((relation for relation in relations if relation in prompt), None)


def pair_score(first: Detection | None, second: Detection | None, relation: float) -> float:
    """A quarter of each thing's confidence, and half of the relation, which needs both."""
    found = [thing.score for thing in (first, second) if thing is not None]
    return 0.25 * sum(found) + (0.5 * relation if len(found) == 2 else 0.0)


def place(relation: str | None, first: Box, second: Box) -> float:
    """How well a relation in the plane holds, in [0, 1]: the way between the centres, and how little boxes overlap."""
    way = _centre(second) - _centre(first)
    if relation in NEARBY:
        return 1.0 if np.abs(way).min() < NEAR_PIXELS else NEAR_PIXELS / float(np.abs(way).max())
    if relation not in AXES:
        return 0.0
    axis, sign = AXES[relation]
    if way[axis] * sign <= 0 or abs(way[axis]) <= abs(way[1 - axis]):
        return 0.0
    overlap = iou(first, second)
    return 1.0 if overlap < APART else APART / overlap


def order_in_depth(relation: str | None, first: Box, second: Box, nearness: Float[np.ndarray, "h w"] | None) -> float:
    """How well "in front of", "behind" or "hidden" holds, in [0, 1]; ``nearness`` is larger for what is nearer.

    Boxes that do not overlap score 0, as upstream.
    """
    if relation not in RELATIONS_3D or nearness is None:
        return 0.0
    means = [_mean_inside(box, nearness) for box in (first, second)]
    nearer = means[0] - means[1] if relation == "in front of" else means[1] - means[0]
    return min(1.0, iou(first, second) / TOGETHER) if nearer > 0 else 0.0


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes; 0 if both are empty."""
    sides = (min(first[2 + k], second[2 + k]) - max(first[k], second[k]) for k in (0, 1))
    width, height = (max(0.0, side) for side in sides)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)) - width * height
    return width * height / union if union > 0 else 0.0


def _centre(box: Box) -> Float[np.ndarray, "2"]:
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])


def _mean_inside(box: Box, values: Float[np.ndarray, "h w"]) -> float:
    # Rows are y. Upstream reads its map at [x, y], which is another place.
    left, top, right, bottom = (max(0, int(side)) for side in box)
    inside = values[top : max(bottom, top + 1), left : max(right, left + 1)]
    return float(inside.mean()) if inside.size else float("nan")
