"""Aggregation against published counts, and a run on made-up data in the official layout."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scalingar.bench.benchmark import Item, Judged, Verdict, check_judged, score_table
from scalingar.bench.benchmarks.tiif import GROUPS, TIIF, TYPES, TIIFSettings, group_scores
from scalingar.bench.judges.questions import Answers, JudgeSettings, UnansweredError
from scalingar.bench.statistics import paired_bootstrap
from scalingar.core.errors import BenchmarkError, ConfigError
from tests.bench.judging import Reciting

COUNTS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "golden" / "tiif" / "counts.json").read_text())
EXPECTED = {
    "basic": "basic",
    "b_Attribute": "basic attribute",
    "b_Relation": "basic relation",
    "b_Reasoning": "basic reasoning",
    "adv": "advanced",
    "a_Attribute+Relation": "advanced attribute+relation",
    "a_Attribute+Reasoning": "advanced attribute+reasoning",
    "a_Relation+Reasoning": "advanced relation+reasoning",
    "a_Text Generation": "text",
    "a_Style Control": "style",
    "real": "designer",
}
JUDGE = JudgeSettings(model="seer")


def write(folder: Path, rows: int = 2) -> Path:
    """All 39 types: every row asks whether 1, 2 and 3 hold, and row 0 expects no to the last."""
    for kind in TYPES:
        for part in ("testmini_prompts", "testmini_eval_prompts"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        prompts = [{"short_description": f"s{row}", "long_description": f"l{row}"} for row in range(rows)]
        asked = [
            {"yn_question_list": ["1?", "2?", "3?"], "yn_answer_list": ["yes", "Yes", "yes" if row else "no "]}
            for row in range(rows)
        ]
        dump(folder / "testmini_prompts" / f"{kind}_prompts.jsonl", prompts)
        dump(folder / "testmini_eval_prompts" / f"{kind}_eval_prompts.jsonl", asked)
    return folder


def dump(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")


def test_39_types_in_nine_groups() -> None:
    assert [len(types) for types in GROUPS.values()] == [4, 4, 4, 8, 8, 8, 1, 1, 1]
    assert len(set(TYPES)) == 39


@pytest.mark.parametrize("run", COUNTS)
@pytest.mark.parametrize("length", ["short", "long"])
def test_published_counts_give_published_scores(run: str, length: str, tmp_path: Path) -> None:
    """Recomputed from the authors' released result files, through the whole summary."""
    counts = {key.split("|")[0]: n for key, n in COUNTS[run]["counts"].items() if key.endswith(length)}
    benchmark = TIIF(TIIFSettings(folder=write(tmp_path, 1), judge=JUDGE), Reciting(lambda _: True))
    judged = [Judged(Item(kind, "p", kind), 0, Verdict(right, total)) for kind, (right, total) in counts.items()]
    summary = benchmark.summary(judged)
    expected = COUNTS[run]["expected"][length]
    for theirs, ours in EXPECTED.items():
        assert 100 * summary.further[ours] == pytest.approx(expected[theirs], abs=6e-5)
    assert 100 * summary.overall.value == pytest.approx(expected["nine"], abs=6e-5)


def test_a_run(tmp_path: Path) -> None:
    """A judge that says yes to all is right on 5 of 6 questions of every type."""
    judge = Reciting(lambda _: True)
    benchmark = TIIF(TIIFSettings(folder=write(tmp_path), judge=JUDGE), judge)
    items = benchmark.items()
    assert [items[0].id, items[0].prompt, items[0].task] == ["shape+color/0", "l0", "shape+color"]
    judged = [Judged(one, 0, benchmark.score(one, [Image.new("RGB", (4, 4))])[0]) for one in items]
    check_judged(items, judged, benchmark.images_per_prompt)
    assert judged[0].verdict.reason == "wrong answers to 1 of 3 questions: [3]"
    assert judged[1].verdict.correct
    assert judge.asked[:3] == ["1?", "2?", "3?"]
    summary = benchmark.summary(judged)
    assert summary.label == "TIIF-Bench testmini (long prompts, judged by reciting)"
    assert summary.overall.value == pytest.approx(5 / 6)
    assert summary.overall.prompts == 78
    short = TIIF(TIIFSettings(folder=tmp_path, judge=JUDGE, length="short"), judge)
    assert short.items()[1].prompt == "s1"


class Shy(Reciting):
    """Says nothing about some images."""

    def __init__(self, silent: set[int]) -> None:
        super().__init__(lambda _: True)
        self.silent = silent

    def __call__(self, image: Image.Image, questions: Sequence[str]) -> Answers:
        if image.getpixel((0, 0)) in self.silent:
            raise UnansweredError("shy gave no 3 answers; its last reply begins 'I cannot'.")
        return super().__call__(image, questions)


def test_images_without_an_answer_count_beside_the_score(tmp_path: Path) -> None:
    """Neither as right nor as wrong; a run goes on, and can be compared with one that has all answers."""
    settings = TIIFSettings(folder=write(tmp_path), judge=JUDGE)
    benchmark, whole = TIIF(settings, Shy({3, 4, 5})), TIIF(settings, Shy(set()))
    images = [Image.new("L", (2, 2), level) for level in range(len(TYPES) * 2)]
    pairs = list(zip(benchmark.items(), images, strict=True))
    judged = [Judged(item, 0, benchmark.score(item, [image])[0]) for item, image in pairs]
    complete = [Judged(item, 0, whole.score(item, [image])[0]) for item, image in pairs]
    check_judged(benchmark.items(), judged, 1)
    assert judged[4].verdict.reason.startswith("no answer: shy gave no 3 answers")
    assert not judged[4].verdict.correct
    summary = benchmark.summary(judged)
    assert summary.further["unanswered"] == 3
    assert TYPES[2] not in summary.tasks  # both of its images
    assert summary.tasks[TYPES[0]].value == pytest.approx(5 / 6)
    assert summary.tasks[TYPES[1]].value == pytest.approx(2 / 3)  # row 0 alone
    assert "unanswered" not in whole.summary(complete).further
    gaps = paired_bootstrap(score_table(judged), score_table(complete), np.random.default_rng(0), resamples=50)
    assert TYPES[2] not in gaps
    assert gaps["overall"].value == pytest.approx(0)
    with pytest.raises(BenchmarkError, match="no answer about any of 2 images"):
        benchmark.summary(judged[4:6])


def test_a_limited_run_means_what_is_there() -> None:
    """Two types of one group and one of another: groups weigh the same, whatever they hold."""
    scores = {"numeracy": 1.0, "negation": 0.0, "style": 1.0}
    found = group_scores(scores)
    assert found == {"basic reasoning": 0.5, "style": 1.0, "basic": 0.5, "advanced": 1.0}


def test_the_official_layout(tmp_path: Path) -> None:
    benchmark = TIIF(
        TIIFSettings(folder=write(tmp_path / "data"), judge=JUDGE, model_name="mine"), Reciting(lambda _: True)
    )
    items = benchmark.items()[:2]
    assert benchmark.image_path(items[1], 0) == "shape+color/mine/long_description/1.png"
    names = [benchmark.image_path(item, number) for item in benchmark.items() for number in range(3)]
    assert len(set(names)) == len(names), "further images of a prompt have names of their own"
    home = tmp_path / "images" / "shape+color" / "mine" / "long_description"
    home.mkdir(parents=True)
    (home / "0.webp").touch()
    with pytest.raises(BenchmarkError, match=r"shape\+color/mine/long_description/1\.png is missing\. Nothing"):
        benchmark.find_images(tmp_path / "images", items, 1)
    (home / "1.png").touch()
    found = benchmark.find_images(tmp_path / "images", items, 1)
    assert [paths[0].name for paths in found.values()] == ["0.webp", "1.png"]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "style has 2 prompts and questions on 0"),
        ([{"yn_question_list": ["1?"]}] * 2, "row 0 of style lacks 'yn_answer_list'"),
        ([{"yn_question_list": ["1?"], "yn_answer_list": ["maybe"]}] * 2, "row 0 of style needs an answer, yes or no"),
        ([{"yn_question_list": ["1?", "2?"], "yn_answer_list": ["yes"]}] * 2, "row 0 of style needs an answer"),
    ],
)
def test_data_that_does_not_fit(rows: list[dict[str, Any]], complaint: str, tmp_path: Path) -> None:
    dump(write(tmp_path) / "testmini_eval_prompts" / "style_eval_prompts.jsonl", rows)
    with pytest.raises(BenchmarkError, match=complaint):
        TIIF(TIIFSettings(folder=tmp_path, judge=JUDGE), Reciting(lambda _: True))


def test_data_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"cannot read .*shape\+color_prompts\.jsonl: .*; set folder to the data"):
        TIIF(TIIFSettings(folder=tmp_path, judge=JUDGE), Reciting(lambda _: True))
    with pytest.raises(ConfigError, match="judge"):
        TIIFSettings.model_validate({"folder": tmp_path})
