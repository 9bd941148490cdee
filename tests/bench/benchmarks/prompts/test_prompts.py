"""The benchmark of one's own prompts: judges that did not choose, and figures of each of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scalingar.bench.benchmark import Item, Judged
from scalingar.bench.build_benchmark import build_benchmark
from scalingar.core.errors import ConfigError
from scalingar.rewards import REWARDS, WithoutWeights
from tests.bench.fakes import Darkness, Level


@pytest.fixture(autouse=True)
def _rewards() -> Iterator[None]:
    with REWARDS.temporarily("level", WithoutWeights(Level)), REWARDS.temporarily("dark", WithoutWeights(Darkness)):
        yield


def grey(level: int) -> Image.Image:
    return Image.new("RGB", (4, 4), (level,) * 3)


def file(folder: Path) -> Path:
    path = folder / "mine.jsonl"
    rows = [{"prompt": "a photo of a dog", "tags": ["animal", "one"]}, {"prompt": "a photo of a cat", "tag": "animal"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_points_are_the_first_judges(tmp_path: Path) -> None:
    benchmark = build_benchmark("prompts", {"file": file(tmp_path), "judges": "level, dark"})
    assert benchmark.label == "mine.jsonl, mean level"
    assert benchmark.graders == {"the reward level", "the reward dark"}
    dog, cat = benchmark.items()
    judged = [
        Judged(item, 0, verdict)
        for item, level in ((dog, 10), (cat, 40))
        for verdict in benchmark.score(item, [grey(level)])
    ]
    assert [image.verdict.details["scores"] for image in judged] == [
        {"level": 10, "dark": -10},
        {"level": 40, "dark": -40},
    ]
    summary = benchmark.summary(judged)
    assert summary.overall.value == 25
    assert {name: measure.estimate.value for name, measure in summary.measures.items()} == {
        "mean dark": -25,
        "tag animal": 25,
        "tag one": 10,
    }


def test_the_overall_score_is_the_mean_of_all_images(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("prompt,tag\na,x\nb,x\nc,x\nd,y\n")
    benchmark = build_benchmark("prompts", {"file": path, "judges": "level"})
    judged = [Judged(item, 0, benchmark.score(item, [grey(4 * n)])[0]) for n, item in enumerate(benchmark.items(), 1)]
    summary = benchmark.summary(judged)
    assert {task: estimate.value for task, estimate in summary.tasks.items()} == {"x": 8, "y": 16}
    assert summary.overall.value == 10


def test_an_image_without_an_answer_is_left_out(tmp_path: Path) -> None:
    benchmark = build_benchmark("prompts", {"file": file(tmp_path), "judges": "level,dark"})
    silent, told = benchmark.score(Item("x", "x", "all"), [grey(0), grey(9)])
    assert (silent.total, silent.details["unanswered"], told.points) == (0, True, 9)


def test_questions_belong_to_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their content is told, so that edited ones are another run; a prompt without any is said beforehand."""
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"prompt": "a photo of a dog", "questions": ["Is there a dog?"]}\n')
    settings = {"file": file(tmp_path), "judges": f"judge:m?questions={questions}"}
    before = build_benchmark("prompts", settings)
    with pytest.raises(ConfigError, match="asks nothing about the prompt 'a photo of a cat'"):
        before.prepare()
    questions.write_text(questions.read_text() + '{"prompt": "a photo of a cat", "questions": ["Is there a cat?"]}\n')
    after = build_benchmark("prompts", settings)
    after.prepare()
    assert set(after.provenance) == {"judges", "questions of judge:m"}
    assert before.provenance != after.provenance


@pytest.mark.parametrize(
    ("judges", "message"),
    [
        ("", "judges"),
        ("level,level", "must all be different"),
        ("levle", "did you mean 'level'"),
        (["rank-sum:level,pmi"], "does not score an image by itself"),
        ("confidence", "does not score an image by itself"),
        ("vqa-score", "needs a model to ask"),
    ],
)
def test_judges_that_are_none(judges: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        build_benchmark("prompts", {"file": file(tmp_path), "judges": judges})
