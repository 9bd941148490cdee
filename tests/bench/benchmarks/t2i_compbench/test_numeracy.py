"""Counts of detections, by hand."""

import pytest

from scalingar.bench.benchmarks.t2i_compbench.numeracy import count_score, distinct, same_place
from scalingar.bench.judges.detectors import Detection


def boxes(name: str, count: int, *, step: float = 50) -> list[Detection]:
    return [Detection(name, (step * n, 0.0, step * n + 40, 40.0), 0.9) for n in range(count)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (boxes("dog", 3) + boxes("cat", 1), 1),
        (boxes("dog", 2) + boxes("cat", 1), 0.75),
        (boxes("dog", 3), 0.5),
        ([], 0),
        (boxes("hot dog", 3) + boxes("cat", 1), 1),
        (boxes("hot dog", 3) + boxes("dog", 1) + boxes("cat", 1), 0.75),
        (boxes("dog", 3) + boxes("dog", 3) + boxes("cat", 1), 1),
    ],
)
def test_half_for_being_there_and_half_for_the_number(found: list[Detection], expected: float) -> None:
    assert count_score([("dog", 3), ("cat", 1)], found) == expected


def test_one_thing_found_twice() -> None:
    whole, part, beside = (0.0, 0.0, 100.0, 100.0), (10.0, 10.0, 30.0, 30.0), (50.0, 0.0, 150.0, 100.0)
    assert same_place(whole, (0.0, 0.0, 100.0, 99.0))
    assert same_place(whole, part)
    assert same_place(part, whole)
    assert not same_place(whole, beside)
    found = [Detection("dog", whole, 0.9), Detection("dog", part, 0.8), Detection("cat", part, 0.7)]
    assert distinct(found) == [found[0], found[2]]
