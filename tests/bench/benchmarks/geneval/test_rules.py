"""The per-image rule against the official function's results, and the parts of it by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalingar.bench.benchmarks.geneval.metadata import Clause, Metadata
from scalingar.bench.benchmarks.geneval.rules import (
    GenEvalOptions,
    found_objects,
    intersection_over_union,
    judge,
    relations,
)
from scalingar.bench.judges.detectors import Detection
from scalingar.core.errors import ConfigError
from scalingar.models.embedded.vocabulary import COLORS
from tests.bench.benchmarks.geneval.cases import CASES, EXAMPLES, color_of, detections

OFFICIAL = GenEvalOptions()


def judged(metadata: dict[str, Any], found: list[Detection], options: GenEvalOptions = OFFICIAL) -> tuple[bool, str]:
    asked = Metadata.model_validate(metadata)
    outcome = judge(asked, found_objects(found, asked.tag, options), color_of, options)
    return outcome.correct, outcome.reason


def test_options_and_colours_are_the_official_ones() -> None:
    assert OFFICIAL.model_dump() == CASES["defaults"]
    assert list(COLORS) == CASES["colors"]
    assert len(CASES["cases"]) == 60


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_official_cases(case: dict[str, Any]) -> None:
    options = GenEvalOptions(**case["options"])
    found = detections(case["detections"])
    assert judged(case["metadata"], found, options) == (case["correct"], case["reason"])
    kept = found_objects(found, case["metadata"]["tag"], options)
    assert {name: [[*one.box, one.score] for one in members] for name, members in kept.items()} == case["kept"]


@pytest.mark.parametrize("case", [*CASES["relative_position"], *EXAMPLES["geneval_relative_position"]], ids=str)
def test_official_relations(case: dict[str, Any]) -> None:
    assert sorted(relations(tuple(case["a"]), tuple(case["b"]), 0.1)) == case.get("relations", case.get("rel"))


@pytest.mark.parametrize("case", CASES["iou"], ids=str)
def test_official_overlaps(case: dict[str, Any]) -> None:
    assert intersection_over_union(tuple(case["a"]), tuple(case["b"])) == pytest.approx(case["iou"], abs=1e-6)


# --- the worked examples -----------------------------------------------------------------------


def thing(name: str, x: float = 0, score: float = 0.95, color: str = "white") -> Detection:
    return Detection(name, (x, 0, x + 100, 100), score, color)


def clause(name: str, count: int = 1, **more: Any) -> dict[str, Any]:
    return {"class": name, "count": count, **more}


def test_worked_examples() -> None:
    counting, right, left, missing, colors = EXAMPLES["geneval_evaluate"]
    two_clocks = {"tag": "counting", "include": [clause("clock", 2)], "exclude": [clause("clock", 3)], "prompt": "p"}
    for n in range(4):
        outcome = judged(two_clocks, [thing("clock", 200 * i, 0.91 + i / 100) for i in range(n)])
        assert outcome == (counting["correct"][n], counting["reasons"][n])
    position = {
        "tag": "position",
        "include": [clause("teddy bear"), clause("dog", position=["right of", 0])],
        "prompt": "p",
    }
    bear = thing("teddy bear", 300)
    assert judged(position, [bear, thing("dog", 600)]) == (right["correct"], right["reason"])
    assert judged(position, [bear, thing("dog", 0)]) == (left["correct"], left["reason"])
    assert judged(position, [thing("dog")]) == (missing["correct"], missing["reason"])
    attributes = {
        "tag": "color_attr",
        "include": [clause("wine glass", color="purple"), clause("apple", color="black")],
        "prompt": "p",
    }
    found = [thing("wine glass", color="purple"), thing("apple", 200, color="red")]
    assert judged(attributes, found) == (colors["correct"], colors["reason"])


# --- what the cases do not show ----------------------------------------------------------------


def test_a_score_that_only_differs_from_the_threshold_in_double_precision() -> None:
    """Detectors hand out float32: their .3 is .300000012, and is not above .3 upstream."""
    wanted = {"tag": "single_object", "include": [clause("dog")], "prompt": "p"}
    assert not judged(wanted, [thing("dog", score=float(np.float32(0.3)))])[0]
    assert judged(wanted, [thing("dog", score=float(np.nextafter(np.float32(0.3), np.float32(1))))])[0]


def test_colours_are_asked_only_where_a_clause_names_one() -> None:
    asked: list[Detection] = []

    def color(one: Detection) -> str:
        asked.append(one)
        return "red"

    wanted = Metadata.model_validate(
        {"tag": "color_attr", "include": [clause("dog"), clause("cat", color="red")], "prompt": "p"}
    )
    cats = [thing("cat", 200, 0.8), thing("cat", 400, 0.9)]
    assert judge(wanted, {"dog": [thing("dog")], "cat": cats}, color, OFFICIAL).correct
    assert asked == cats[:1]
    assert not judge(wanted, {"dog": [thing("dog")]}, color, OFFICIAL).correct
    assert len(asked) == 1


boxes = st.tuples(*[st.floats(0, 500).map(lambda v: round(v, 1))] * 4).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


@given(boxes, boxes)
def test_relations_turn_round(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    there, back = (relations(first, second, 0.1) for first, second in ((a, b), (b, a)))  # type: ignore[arg-type]
    assert {OPPOSITE[one] for one in there} == back
    assert len(there) <= 2


# --- metadata that says something GenEval does not -------------------------------------------


@pytest.mark.parametrize(
    ("include", "complaint"),
    [
        ([clause("dgo")], "'dgo' is no class of GenEval; did you mean 'dog'"),
        ([clause("dog", color="turquoise")], "'turquoise' is no colour"),
        ([clause("dog"), clause("cat", position=["behind", 0])], "'behind' is no relation"),
        ([clause("dog", position=["above", 0])], r"include\[0\] refers to clause 0, which is not before it"),
        ([clause("dog"), clause("cat", position=["above", -1])], r"include\[1\] refers to clause -1"),
        ([clause("dog", 0)], "count=0: must be >= 1"),
        ([clause("dog", colour="red")], "colour"),
        ([], "at least 1 item"),
    ],
)
def test_metadata_is_checked(include: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Metadata.model_validate({"tag": "position", "include": include, "prompt": "p"})


def test_an_exclude_clause_has_no_colour() -> None:
    with pytest.raises(ConfigError, match="only a class and a count"):
        Metadata(
            tag="counting",
            include=(Clause(name="dog", count=1),),
            exclude=(Clause(name="dog", count=2, color="red"),),
            prompt="p",
        )
