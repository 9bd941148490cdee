"""Plans hold what is asked, not where it lies."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from scalingar.bench.benchmark import Benchmark, Item
from scalingar.bench.benchmarks.geneval.geneval import GenEval, GenEvalSettings
from scalingar.bench.benchmarks.geneval.prompts import read_prompts
from scalingar.bench.benchmarks.tiif import TIIFSettings
from scalingar.bench.judges.detectors.precomputed import PrecomputedDetections
from scalingar.bench.judges.pretrained import weights_name
from scalingar.bench.runs.content import content_of, joined, separated
from scalingar.core.errors import BenchmarkError
from tests.bench.fakes import Bright

DOG = {"tag": "single_object", "include": [{"class": "dog", "count": 1}], "prompt": "a photo of a dog"}


def geneval(path: Path, line: Mapping[str, object]) -> dict[str, str]:
    path.write_text(json.dumps(line) + "\n")
    benchmark: Benchmark = GenEval(PrecomputedDetections({}, "1"), prompts=read_prompts(path))
    return content_of(list(benchmark.items()), benchmark)


def test_the_content_is_that_of_the_lines_and_not_of_the_file(tmp_path: Path) -> None:
    assert geneval(tmp_path / "a", DOG) == geneval(tmp_path / "b", dict(reversed(DOG.items())))
    for edited in (
        {**DOG, "prompt": "a photo of a bird"},
        {**DOG, "include": [{"class": "dog", "count": 2}]},
        {**DOG, "tag": "counting"},
    ):
        assert geneval(tmp_path / "a", DOG) != geneval(tmp_path / "a", edited)


def test_questions_and_answers_are_content() -> None:
    def asked(**metadata: object) -> dict[str, str]:
        return content_of([Item("1", "a dog", "one", metadata)], Bright())

    assert asked(questions=("is it a dog?",), answers=(True,)) == asked(questions=["is it a dog?"], answers=[True])
    assert asked(questions=("is it a dog?",)) != asked(questions=("is it a cat?",))
    assert asked(answers=(True,)) != asked(answers=(False,))


@pytest.mark.parametrize("item", [Item("7", "a \ud800 dog", "one"), Item("7", "a dog", "one", {"path": object()})])
def test_what_cannot_be_written_down_is_named(item: Item) -> None:
    with pytest.raises(BenchmarkError, match="the prompt 7 cannot be written down"):
        content_of([item], Bright())


def test_settings_that_say_where_files_lie_are_kept_apart() -> None:
    given = {"detector": "embedded", "detector_source": "d.safetensors", "prompts": "p.jsonl", "colors_source": None}
    settings, files = separated(given, GenEvalSettings)
    assert settings == {"detector": "embedded", "colors_source": None}
    assert files == {"detector_source": "d.safetensors", "prompts": "p.jsonl"}
    assert joined(settings, files) == given


def test_places_are_told_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run can be read from another folder; what is no path here may be a name on the hub."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.jsonl").touch()
    _, files = separated({"prompts": "p.jsonl", "detector_source": "some/detector"}, GenEvalSettings)
    assert files == {"prompts": str(tmp_path / "p.jsonl"), "detector_source": "some/detector"}


def test_those_of_sections_too() -> None:
    given = {"folder": Path("data"), "length": "short", "judge": {"model": "m", "cache": "answers"}}
    settings, files = separated(given, TIIFSettings)
    assert settings == {"length": "short", "judge": {"model": "m"}}
    assert files == {"folder": "data", "judge.cache": "answers"}
    assert joined(settings, files) == {**given, "folder": "data"}
    assert settings["judge"] == {"model": "m"}


def test_weights_of_a_judge_are_named_by_content_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
    assert weights_name(tmp_path / "here") == weights_name(str(tmp_path / "there"))
    (tmp_path / "there" / "model.safetensors").write_bytes(b"others")
    assert weights_name(tmp_path / "here") != weights_name(tmp_path / "there")
    assert weights_name("openai/clip-vit-base-patch32") == "openai/clip-vit-base-patch32"
