"""A judge asked over OpenAI's protocol, with a local transport in place of the network."""

import base64
import io
import json
import os
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx2
import pytest
from openai import OpenAI
from PIL import Image

from scalingar.bench.judges.questions import Answers, JudgeSettings, UnansweredError, Wording, load_judge, prepare_judge
from scalingar.bench.judges.questions.answer_cache import AnswerCache
from scalingar.bench.judges.questions.openai_compatible import OpenAICompatibleJudge
from scalingar.core.chat.kept_records import picture_key
from scalingar.core.errors import BenchmarkError, ConfigError, OutputError, PackageError

QUESTIONS = ["Is there a dog?", "Is it\n red?"]


class Endpoint:
    """Replies one text after another and remembers what it was sent."""

    def __init__(self, *texts: str | int | tuple[int, Any]) -> None:
        self.texts = list(texts)
        self.requests: list[dict[str, Any]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(json.loads(request.content))
        text = self.texts.pop(0)
        if isinstance(text, tuple):
            status, body = text
            return httpx2.Response(status, content=body if isinstance(body, str) else json.dumps(body))
        if isinstance(text, int):
            return httpx2.Response(text, json={"error": {"message": "no credit left", "code": "billing"}})
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "seer-2024-08-06", "choices": [choice]}
        return httpx2.Response(200, json=body)


def judge(endpoint: Endpoint, cache: Path, **settings: Any) -> OpenAICompatibleJudge:
    http = httpx2.Client(transport=httpx2.MockTransport(endpoint))
    client = OpenAI(api_key="sesame", base_url="http://judge.invalid/v1", http_client=http, max_retries=0)
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
    with pytest.raises(ConfigError, match=r"each template needs \{questions\}"):
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


def test_a_damaged_file_counts_as_missing(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    key = picture_key(picture(), prompt="p")
    cache.put(key, Answers((True,), "m", "yes"))
    assert cache.get(key) == Answers((True,), "m", "yes")
    (tmp_path / f"{key}.json").write_text('{"yes": [tru')
    assert cache.get(key) is None
    for yes in (["no"], "no", [0], 5):  # a word is true in Python
        (tmp_path / f"{key}.json").write_text(json.dumps({"yes": yes, "model": "m", "text": "no"}))
        assert cache.get(key) is None
    (tmp_path / f"{key}.json").write_text("[" * 100_000)
    assert cache.get(key) is None
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot keep answers"):
        AnswerCache(tmp_path / "file" / "below").put(key, Answers((True,), "m", "yes"))


def test_a_kept_reply_that_is_no_answer_is_asked_again(tmp_path: Path) -> None:
    endpoint = Endpoint("yes\nno", "no\nno")
    asked = judge(endpoint, tmp_path)
    asked(picture(), QUESTIONS)
    (kept,) = tmp_path.glob("*.json")
    kept.write_text(json.dumps({"yes": [False, True], "model": "m", "text": "No, I cannot help.\nyes"}))
    assert asked(picture(), QUESTIONS).yes == (False, False)


# --- endpoints that answer nonsense, or not at all ------------------------------------------------


def test_a_refusal_is_unanswered_and_the_next_image_is_asked(tmp_path: Path) -> None:
    endpoint = Endpoint(*["No, I cannot help with identifying people."] * 3, "yes\nno", 400, "no\nno")
    asked = judge(endpoint, tmp_path)
    with pytest.raises(UnansweredError, match="gave no 2 answers in 3 attempts; its last reply begins 'No, I cannot"):
        asked(picture(), QUESTIONS)
    assert asked(picture(90), QUESTIONS).yes == (True, False)
    with pytest.raises(BenchmarkError, match="cannot be asked") as caught:
        asked(picture(91), QUESTIONS)
    assert not isinstance(caught.value, UnansweredError)
    assert asked(picture(92), QUESTIONS).yes == (False, False)


def test_an_image_that_the_endpoint_will_not_look_at(tmp_path: Path) -> None:
    endpoint = Endpoint(*[(400, {"error": {"message": "no", "code": "content_policy_violation"}})] * 3)
    with pytest.raises(UnansweredError):
        judge(endpoint, tmp_path)(picture(), QUESTIONS)


def test_a_judge_that_never_answers_is_none(tmp_path: Path) -> None:
    asked = judge(Endpoint(*["Certainly!"] * 20), tmp_path, attempts=1)
    for level in range(19):
        with pytest.raises(UnansweredError):
            asked(picture(level), QUESTIONS)
    with pytest.raises(BenchmarkError, match="no answer to any of the first 20 images"):
        asked(picture(99), QUESTIONS)


@pytest.mark.parametrize(
    "body",
    [
        "<html>busy</html>", "", "[]", "5", "null", '"busy"', "[" * 100_000, '{"error": {"message": "busy"}}',
        '{"choices": [{"message": null}]}',
        '{"choices": [null]}', '{"choices": 5}', '{"choices": [{"message": {"content": 5}}]}', "\x00",
    ],
)  # fmt: skip
def test_a_body_that_is_no_completion_is_asked_for_again(tmp_path: Path, body: str) -> None:
    endpoint = Endpoint((200, body), "yes\nno")
    assert judge(endpoint, tmp_path)(picture(), QUESTIONS).yes == (True, False)
    endpoint = Endpoint(*[(200, body)] * 3)
    with pytest.raises(BenchmarkError, match="sent no completion in 3 attempts") as caught:
        judge(endpoint, tmp_path)(picture(90), QUESTIONS)
    assert not isinstance(caught.value, UnansweredError)


def test_answers_in_parts(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "yes\n"}, {"type": "image"}, {"type": "text", "text": "no"}]
    body = {"choices": [{"message": {"role": "assistant", "content": parts}}], "model": "m"}
    assert judge(Endpoint((200, body)), tmp_path)(picture(), QUESTIONS).yes == (True, False)


def test_secrets_are_in_no_name_and_no_message(tmp_path: Path) -> None:
    endpoint = Endpoint((402, {"error": {"message": "bad key sesame \x1b[31m for http://me:open@h/?token=abc"}}))
    asked = judge(endpoint, tmp_path, base_url="http://me:open@h/v1?api_key=abc")
    assert asked.name == "seer at http://***@h/v1?api_key=***, temperature 0"
    with pytest.raises(BenchmarkError) as caught:
        asked(picture(), QUESTIONS)
    assert all(word not in str(caught.value) for word in ("sesame", "open", "abc", "\x1b"))


class Server(BaseHTTPRequestHandler):
    """Sends as its ``way`` says."""

    way = ""
    release = Event()

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.way == "nothing":
            self.release.wait(20)
            return
        status, headers = (302, {"Location": "http://elsewhere.invalid/"}) if self.way == "redirect" else (200, {})
        self.send_response(status)
        for name, value in ({"Content-Encoding": "gzip"} if self.way == "gzip" else headers).items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            if self.way == "endless":
                while not self.release.is_set():
                    self.wfile.write(b" " * 2**16)
            while self.way == "drip" and not self.release.wait(0.05):
                self.wfile.write(b" ")


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("nothing", "no reply within 1.5 seconds"),
        ("drip", "its reply took longer than 0.5 seconds"),
        ("endless", "its reply is longer than"),
        ("gzip", "it sends compressed replies"),
        ("redirect", "302|Redirect|redirect"),
    ],
)
def test_a_request_ends(way: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setattr(Server, "way", way)
    monkeypatch.setattr(Server, "release", Event())
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}/v1"
        asked = load_judge(JudgeSettings(model="m", base_url=endpoint, cache=tmp_path, timeout=0.5))
        with pytest.raises(BenchmarkError, match=f"cannot be asked: .*({reason})"):
            asked(picture(), QUESTIONS)
        Server.release.set()
        server.shutdown()


def test_loaded_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert load_judge(JudgeSettings(model="m", base_url="http://h/v1")).name == "m at http://h/v1, temperature 0"
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match="needs a key: set OPENAI_API_KEY"):
        prepare_judge(load_judge(JudgeSettings(model="m")))
    with pytest.raises(ConfigError, match="did you mean 'openai-compatible'"):
        load_judge(JudgeSettings(model="m", kind="openai"))


@pytest.mark.parametrize(
    "address",
    ["not a url", "ftp://host/v1", "localhost:8000", "http://", "http://[::1", "http://h:99999/v1", "http://a b/"],
)
def test_an_address_that_is_none_is_told_at_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    with pytest.raises(ConfigError, match="is no address of a server; write one such as"):
        prepare_judge(load_judge(JudgeSettings(model="m", base_url=address)))


def test_secrets_of_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    with pytest.raises(ConfigError) as caught:
        prepare_judge(load_judge(JudgeSettings(model="m", base_url="ftp://me:pw@host/v1?api_key=abc")))
    assert "pw" not in str(caught.value)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("key", ["sesame\n", "schlüssel", "a\0b"])
def test_a_key_that_is_none_is_told_and_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {**os.environ, "OPENAI_API_KEY": key})
    with pytest.raises(ConfigError, match="OPENAI_API_KEY holds a letter that no key has") as caught:
        prepare_judge(load_judge(JudgeSettings(model="m", base_url="http://h/v1")))
    assert key not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("ALL_PROXY", "nonsense://x"), ("SSL_CERT_FILE", "/nowhere/none.pem")])
def test_proxies_and_certificates_that_cannot_be_used(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"a judge cannot be asked from here: .*; look at the variables HTTP_PROXY"):
        prepare_judge(load_judge(JudgeSettings(model="m", base_url="http://h/v1")))


def test_without_the_package_a_judge_that_was_not_prepared_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    judge = load_judge(JudgeSettings(model="m", base_url="http://h/v1", cache=tmp_path))
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(PackageError, match="asking a judge needs openai, which is not installed"):
        judge(picture(), QUESTIONS)
