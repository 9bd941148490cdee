"""Places in the plane and in depth, by hand."""

import numpy as np
import pytest

from scalingar.bench.benchmarks.t2i_compbench.relations import (
    RELATIONS_2D,
    iou,
    order_in_depth,
    pair_score,
    place,
    relation_of,
)
from scalingar.bench.judges.detectors import Detection

LEFT, RIGHT, BELOW = (0.0, 0.0, 100.0, 100.0), (300.0, 0.0, 400.0, 100.0), (0.0, 300.0, 100.0, 400.0)


@pytest.mark.parametrize(
    ("relation", "first", "second", "expected"),
    [
        ("on the left of", LEFT, RIGHT, 1),
        ("on the left of", RIGHT, LEFT, 0),
        ("on the right of", RIGHT, LEFT, 1),
        ("on the top of", LEFT, BELOW, 1),
        ("on the bottom of", BELOW, LEFT, 1),
        ("on the bottom of", LEFT, BELOW, 0),
        ("on the left of", LEFT, BELOW, 0),
        # Half of each box is shared: IoU 1/3, so 0.1 / (1/3).
        ("on the left of", LEFT, (50.0, 0.0, 150.0, 100.0), 0.3),
        ("near", LEFT, RIGHT, 1),
        ("next to", LEFT, (300.0, 300.0, 400.0, 400.0), 0.5),
        ("on top of", LEFT, BELOW, 0),
        (None, LEFT, RIGHT, 0),
    ],
)
def test_places(relation: str, first: tuple, second: tuple, expected: float) -> None:
    assert place(relation, first, second) == pytest.approx(expected)


def test_the_first_relation_named_counts() -> None:
    assert relation_of("a dog next to a cat on the left of a cow", RELATIONS_2D) == "next to"
    assert relation_of("a dog on the top of a cat", RELATIONS_2D) == "on the top of"
    assert relation_of("a dog", RELATIONS_2D) is None


def test_depth_is_read_at_rows_of_y() -> None:
    """The lower half is near. The first box reaches into it, and two thirds of each box are shared: IoU 1/2."""
    nearness = np.zeros((40, 80))
    nearness[20:] = 1.0
    low, high = (10.0, 10.0, 30.0, 40.0), (10.0, 0.0, 30.0, 30.0)
    assert iou(low, high) == 0.5
    assert order_in_depth("in front of", low, high, nearness) == 1
    assert order_in_depth("behind", low, high, nearness) == 0
    assert order_in_depth("hidden", high, low, nearness) == 1
    assert order_in_depth("in front of", low, (10.0, 0.0, 30.0, 20.0), nearness) == pytest.approx(0.5)
    assert order_in_depth("in front of", low, (50.0, 0.0, 60.0, 10.0), nearness) == 0
    assert order_in_depth("near", low, high, nearness) == 0


def test_a_pair_needs_both() -> None:
    one, two = Detection("dog", LEFT, 0.8), Detection("cat", RIGHT, 0.6)
    assert pair_score(one, two, 0.5) == pytest.approx(0.2 + 0.15 + 0.25)
    assert pair_score(one, None, 1.0) == pytest.approx(0.2)
    assert pair_score(None, None, 1.0) == 0
    assert iou((1, 1, 1, 1), (1, 1, 1, 1)) == 0
