"""A study shows what the runs drew, without saying who drew it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scalingar.bench.runs.results import RunResults, read_results
from scalingar.bench.study.build import build_study
from scalingar.bench.study.study import PICTURES, Pair, Rating, Study
from scalingar.core.errors import BenchmarkError
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, runner


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunResults]:
    """Three runs of five prompts; the last one is the first again."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("single", "random-of-n"):
        finish(runner(folder / name, name))
    shutil.copytree(folder / "single", folder / "copy")
    return [read_results(folder / name, Bright()) for name in ("single", "random-of-n", "copy")]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_questions_are_about_what_the_runs_drew(runs: list[RunResults], tmp_path: Path) -> None:
    made = build_study(runs, tmp_path / "study")
    assert made == Study.read(tmp_path / "study")
    drawn = {
        (run.name, line["prompt"]): np.asarray(Image.open(run.folder / line["image"]))
        for run in runs
        for line in run.samples
        if line["number"] == 0
    }
    for question in made.questions:
        names = (question.picture,) * len(question.runs) if isinstance(question, Rating) else question.pictures
        for run, name in zip(question.runs, names, strict=True):
            shown = np.asarray(Image.open(tmp_path / "study" / PICTURES / f"{name}.png"))
            np.testing.assert_array_equal(shown, drawn[run, question.prompt])
    same = made.identical["single|random-of-n"]
    assert made.identical["single|copy"] == made.prompts == 5
    pairs = [question for question in made.questions if isinstance(question, Pair)]
    assert {question.runs for question in pairs} <= {("single", "random-of-n"), ("random-of-n", "copy")}
    assert len(pairs) == 2 * (5 - same)
    assert all(
        {"single", "copy"} <= set(q.runs) or q.runs == ("random-of-n",) for q in made.questions if q not in pairs
    )


def test_nothing_that_is_shown_names_a_run(runs: list[RunResults], tmp_path: Path) -> None:
    build_study(runs[:2], tmp_path / "study")
    for name, content in files(tmp_path / "study").items():
        if name.startswith(PICTURES):
            assert b"scalingar" not in content
            assert b"tEXt" not in content
            assert not {"single", "random"} & set(name.split("-"))
            with Image.open(tmp_path / "study" / name) as picture:
                assert picture.info == {}


def test_the_numbers_of_questions_say_nothing(runs: list[RunResults], tmp_path: Path) -> None:
    """Neither by their remainders of any period nor by their order within a prompt."""
    questions = build_study(runs, tmp_path / "study").questions
    told = [
        tuple((one.kind, one.runs) for one in questions if one.prompt == prompt)
        for prompt in {one.prompt for one in questions}
    ]
    assert len(set(told)) > len({tuple(sorted(of)) for of in told})
    for period in range(1, len(questions) // 2 + 1):
        classes = [questions[remainder::period] for remainder in range(period)]
        assert any(len({one.kind for one in some}) > 1 for some in classes)
        assert any(len({one.runs for one in some}) > 1 for some in classes)


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_names(runs: list[RunResults], tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        build_study(runs, tmp_path / name, seed=seed)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert not set(files(tmp_path / "a")) & set(files(tmp_path / "c")) - {"study.json"}


def test_a_limit_takes_prompts_of_every_task(runs: list[RunResults], tmp_path: Path) -> None:
    made = build_study(runs[:2], tmp_path / "study", limit=1, per_participant=3)
    assert made.prompts == 2
    assert made.per_participant == 3
    tasks = {line["prompt"]: line["task"] for line in runs[0].samples}
    assert {tasks[question.prompt] for question in made.questions} == {"one", "two"}


def test_a_folder_is_not_taken_twice(runs: list[RunResults], tmp_path: Path) -> None:
    build_study(runs, tmp_path / "study")
    before = files(tmp_path / "study")
    with pytest.raises(BenchmarkError, match=r"study holds a study already; choose another folder with -o\."):
        build_study(runs, tmp_path / "study", seed=1)
    assert files(tmp_path / "study") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(BenchmarkError, match="mine is not empty"):
        build_study(runs, tmp_path / "mine")


def test_runs_that_cannot_be_compared(runs: list[RunResults], tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="two or more runs, and 1 was given"):
        build_study(runs[:1], tmp_path / "study")
    with pytest.raises(BenchmarkError, match="two runs are called single; rename"):
        build_study([runs[0], runs[0]], tmp_path / "study")
    benchmark = Bright(prompts={"one": ["a dog"]})
    other = runner(tmp_path / "other", "single")
    other.benchmark, other.plan = benchmark, other.plan.of(benchmark)
    finish(other)
    with pytest.raises(BenchmarkError, match=r"are of different prompts \(content differs\)"):
        build_study([runs[0], read_results(tmp_path / "other", benchmark)], tmp_path / "study")
    origin = {"run": "x", "samples_sha256": "0"}
    derived = RunResults(**{**vars(runs[1]), "plan": runs[1].plan.model_copy(update={"derived_from": origin})})
    with pytest.raises(BenchmarkError, match="was derived and has no images"):
        build_study([runs[0], derived], tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_changed_or_missing_picture(runs: list[RunResults], tmp_path: Path) -> None:
    shutil.copytree(runs[0].folder, tmp_path / "changed")
    changed = read_results(tmp_path / "changed", Bright())
    path = changed.folder / changed.samples[0]["image"]
    Image.new("RGB", (16, 16)).save(path)
    with pytest.raises(BenchmarkError, match="is not the picture that was judged"):
        build_study([changed, runs[1]], tmp_path / "study")
    path.unlink()
    with pytest.raises(BenchmarkError, match="is no picture that can be read"):
        build_study([changed, runs[1]], tmp_path / "study")


def test_a_study_of_others_names_no_file_outside(runs: list[RunResults], tmp_path: Path) -> None:
    build_study(runs, tmp_path / "study")
    path = tmp_path / "study" / "study.json"
    told = json.loads(path.read_text())
    told["questions"][0]["picture"] = "../../secret"
    path.write_text(json.dumps(told))
    with pytest.raises(BenchmarkError, match="no path inside a folder"):
        Study.read(tmp_path / "study")
