"""Summary and result lines of the official cases."""

import json

from scalingar.bench.benchmarks.geneval.metadata import Metadata
from scalingar.bench.benchmarks.geneval.rules import Outcome, found_objects
from scalingar.bench.benchmarks.geneval.scoring import boxes, result_line
from tests.bench.benchmarks.geneval.cases import CASES
from tests.bench.benchmarks.geneval.official_summary import summarize
from tests.bench.benchmarks.geneval.test_rules import OFFICIAL, detections


def test_official_summary_of_the_cases() -> None:
    lines = [
        result_line(
            f"{case['id']}.png",
            Metadata.model_validate(case["metadata"]),
            Outcome(case["correct"], case["reason"]),
            case["kept"],
        )
        for case in CASES["cases"]
    ]
    found, expected = summarize(lines), CASES["summary"]
    assert {task: {"correct": c, "total": n} for task, (c, n) in found.tasks.items()} == expected["tasks"]
    assert round(found.overall, 5) == expected["overall"]
    assert f"{100 * found.correct_images:.2f}" == expected["images_correct_percent"]
    assert f"{100 * found.correct_prompts:.2f}" == expected["prompts_correct_percent"]
    assert found.prompts == expected["total_prompts"]
    assert found.images == 60


def test_a_line_reads_as_upstreams() -> None:
    case = next(case for case in CASES["cases"] if case["name"] == "position_left_but_is_right")
    objects = found_objects(detections(case["detections"]), "position", OFFICIAL)
    asked = Metadata.model_validate(case["metadata"])
    line = result_line("00353/samples/0000.png", asked, Outcome(False, case["reason"]), boxes(objects))
    assert list(line) == ["filename", "tag", "prompt", "correct", "reason", "metadata", "details"]
    assert json.loads(line["metadata"]) == case["metadata"]
    assert json.loads(line["details"]) == case["kept"]
    assert json.loads(json.dumps(line)) == line
