"""A judge asked over OpenAI's protocol, with a local transport in place of the network."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI
from PIL import Image
from pydantic import ValidationError

from scalingar.bench.judges.questions import Answers, JudgeSettings, Wording, load_judge
from scalingar.bench.judges.questions.answer_cache import AnswerCache, answer_key
from scalingar.bench.judges.questions.openai_compatible import OpenAICompatibleJudge, parse_answers
from scalingar.core.errors import BenchmarkError, ConfigError, OutputError

QUESTIONS = ["Is there a dog?", "Is it\n red?"]


class Endpoint:
    """Replies one text after another and remembers what it was sent."""

    def __init__(self, *texts: str | int) -> None:
        self.texts = list(texts)
        self.requests: list[dict[str, Any]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(json.loads(request.content))
        text = self.texts.pop(0)
        if isinstance(text, int):
            return httpx2.Response(text, json={"error": {"message": "no credit left", "code": "billing"}})
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "seer-2024-08-06", "choices": [choice]}
        return httpx2.Response(200, json=body)


def judge(endpoint: Endpoint, cache: Path, **settings: Any) -> OpenAICompatibleJudge:
    http = httpx2.Client(transport=httpx2.MockTransport(endpoint))
    client = OpenAI(api_key="none", base_url="http://judge.invalid/v1", http_client=http, max_retries=0)
    return OpenAICompatibleJudge(JudgeSettings(model="seer", cache=cache, **settings), client)


def picture(level: int = 200) -> Image.Image:
    return Image.new("RGB", (5, 4), (level, 0, 0))


def test_what_is_asked_and_what_comes_back(tmp_path: Path) -> None:
    endpoint = Endpoint("Yes\nno.")
    answers = judge(endpoint, tmp_path)(picture(), QUESTIONS)
    assert answers == Answers((True, False), "seer-2024-08-06", "Yes\nno.")
    (sent,) = endpoint.requests
    assert (sent["model"], sent["temperature"]) == ("seer", 0)
    text, image = sent["messages"][1]["content"]
    assert text["text"].endswith("\n\nIs there a dog?\nIs it red?")
    encoded = image["image_url"]["url"].removeprefix("data:image/png;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(encoded))).getpixel((0, 0)) == (200, 0, 0)


def test_the_same_question_is_asked_once(tmp_path: Path) -> None:
    endpoint = Endpoint("yes\nyes", "no\nno", "no\nyes", "no\nno")
    asked = judge(endpoint, tmp_path)
    first = asked(picture(), QUESTIONS)
    assert judge(Endpoint(), tmp_path)(picture(), QUESTIONS) == first
    assert asked(picture(90), QUESTIONS).yes == (False, False)
    assert asked(picture(), ["Is there a cat?", "Is it red?"]).yes == (False, True)
    assert judge(endpoint, tmp_path, temperature=1.0)(picture(), QUESTIONS).yes == (False, False)
    assert len(list(tmp_path.glob("*.json"))) == 4
    assert "date" in json.loads(next(tmp_path.glob("*.json")).read_text())


def test_an_unreadable_reply_is_asked_again_with_a_reminder(tmp_path: Path) -> None:
    endpoint = Endpoint("I see a dog.", "yes\nno")
    assert judge(endpoint, tmp_path)(picture(), QUESTIONS).yes == (True, False)
    assert [len(request["messages"]) for request in endpoint.requests] == [2, 4]
    assert "exactly 2 lines" in endpoint.requests[1]["messages"][3]["content"]


def test_templates_are_drawn_by_image_and_asked_afresh(tmp_path: Path) -> None:
    """Each image gets one of the templates, always the same; without a reminder the next one follows."""
    wording = Wording(system="Look.", templates=("A {questions}", "B {questions}"))

    def first_letters(level: int, *texts: str) -> list[str]:
        endpoint = Endpoint(*texts)
        judge(endpoint, tmp_path / "other" / str(len(texts)), wording=wording)(picture(level), QUESTIONS)
        assert all(len(request["messages"]) == 2 for request in endpoint.requests)
        assert endpoint.requests[0]["messages"][0]["content"] == "Look."
        return [request["messages"][1]["content"][0]["text"][0] for request in endpoint.requests]

    drawn = [first_letters(level, "yes\nno") for level in range(8)]
    assert {letter for (letter,) in drawn} == {"A", "B"}
    for level, (letter,) in enumerate(drawn[:2]):
        assert first_letters(level, "hm", "yes\nno") == [letter, "AB"[letter == "A"]]


def test_a_template_without_questions() -> None:
    with pytest.raises(ValidationError, match=r"each template needs \{questions\}"):
        Wording(system="Look.", templates=("A",))


def test_attempts_are_bounded(tmp_path: Path) -> None:
    endpoint = Endpoint(*["Certainly!"] * 9)
    with pytest.raises(BenchmarkError, match="gave no 2 answers in 2 attempts; its last reply begins 'Certainly!'"):
        judge(endpoint, tmp_path, attempts=2)(picture(), QUESTIONS)
    assert len(endpoint.requests) == 2
    assert not list(tmp_path.iterdir())


def test_an_endpoint_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"seer, temperature 0 cannot be asked: .*no credit left"):
        judge(Endpoint(402), tmp_path)(picture(), QUESTIONS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes\nno", (True, False)),
        ("  Yes, it is.\n\nNO", (True, False)),
        ("1. yes\n2) no", (True, False)),
        ("Here you are:\nyes\nno", (True, False)),
        ("yes", None),
        ("yes\nno\nyes", None),
        ("nothing\nyesterday", None),
        ("", None),
    ],
)
def test_reading_answers(text: str, expected: tuple[bool, ...] | None) -> None:
    assert parse_answers(text, 2) == expected


def test_a_damaged_file_counts_as_missing(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    key = answer_key(picture(), prompt="p")
    cache.put(key, Answers((True,), "m", "yes"))
    assert cache.get(key) == Answers((True,), "m", "yes")
    (tmp_path / f"{key}.json").write_text('{"yes": [tru')
    assert cache.get(key) is None
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot keep answers"):
        AnswerCache(tmp_path / "file" / "below").put(key, Answers((True,), "m", "yes"))


def test_loaded_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert load_judge(JudgeSettings(model="m", base_url="http://h/v1")).name == "m at http://h/v1, temperature 0"
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match="needs a key: set OPENAI_API_KEY"):
        load_judge(JudgeSettings(model="m"))
    with pytest.raises(ConfigError, match="did you mean 'openai-compatible'"):
        load_judge(JudgeSettings(model="m", kind="openai"))
