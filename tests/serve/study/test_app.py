"""A study's page: what a browser is told, what it may send, and that nobody learns whose picture it is."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from scalingar.bench.study.answers import ANSWERS, AnswerStore, read_answers
from scalingar.bench.study.sessions import session
from scalingar.bench.study.study import PICTURES
from scalingar.core.errors import BenchmarkError, ConfigError, OutputError
from scalingar.serve.auth import Door
from scalingar.serve.study.app import MOST_BODY, build_app
from scalingar.serve.study.start import StudyServer, serve
from tests.bench.study.people import study
from tests.serve.study.showing import shown, write_study

MADE = study(prompts=3, per_participant=12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_study(tmp_path / "study", MADE)


@contextmanager
def asked(folder: Path, key: str | None = None) -> Iterator[httpx2.Client]:
    """The server in a thread, and a client of it."""
    with shown(folder, key) as server, httpx2.Client(base_url=server.url, timeout=30) as client:
        yield client


def post(client: httpx2.Client, path: str, **body: Any) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_participant_goes_through_and_comes_back(folder: Path) -> None:
    with asked(folder) as client:
        code = post(client, "participants")["code"]
        told = post(client, "next", code=code)
        expected = session(MADE, 0)
        texts = [client.get("/").text, client.get("/study.js").text, client.get("/study.css").text]
        for number, shown in enumerate(expected):
            assert (told["question"], told["done"], told["total"]) == (shown.number, number, 12)
            assert told["prompt"] == shown.question.prompt
            assert told["pictures"] == list(shown.pictures)
            for name in told["pictures"]:
                answer = client.get(f"/pictures/{name}")
                assert answer.content == (folder / PICTURES / f"{name}.png").read_bytes()
                assert "last-modified" not in answer.headers
                assert answer.headers["cache-control"] == "no-store"
            texts.append(str({key: value for key, value in told.items() if key != "pictures"}))
            pair = told["kind"] == "pair"
            after = post(client, "answers", code=code, question=told["question"], value=5, reasons=["prompt"] * pair)
            assert post(client, "next", code=code) == after  # who loads the page again sees the same
            assert len(read_answers(folder, MADE)) == number + 1
            told = after
        assert told == {"done": 12, "total": 12, "question": None}
        assert not any(name in text for text in texts for name in MADE.names)
        assert client.get("/study.json").status_code == 404
        assert client.get("/answers.sqlite").status_code == 404


def test_nothing_comes_from_elsewhere(folder: Path) -> None:
    with asked(folder) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        for text in (page.text, client.get("/study.js").text, client.get("/study.css").text):
            assert "//" not in text.replace("\n// ", "\n").removeprefix("<!doctype html>")
            assert "url(" not in text


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"value": 6}, 400, "the answer 6 is outside of the scale; choose 1 to 5."),
        ({"value": 0}, 400, "the answer 0 is outside of the scale; choose 1 to 5."),
        ({"value": "3"}, 400, "the body must be an object of code, question, value, reasons."),
        ({"value": True}, 400, "the body must be an object of code, question, value, reasons."),
        ({"reasons": ["beauty"]}, 400, "'beauty' is no reason; choose among prompt, quality, plausibility."),
        ({"reasons": [3]}, 400, "the body must be an object of code, question, value, reasons."),
        ({"question": 999}, 400, "question 999 is not the one that is asked now; load the page again."),
        (
            {"question": 10**30},
            400,
            "question 10000000000000000000 is not the one that is asked now; load the page again.",
        ),
        ({"question": -1}, 400, "question -1 is not the one that is asked now; load the page again."),
        ({"code": "\ud800"}, 400, "the body is no JSON (it holds half a character)."),
        ({"code": "somebody"}, 400, "nobody has this code; look at it again, or begin anew."),
        ({"more": 1}, 400, "the body must be an object of code, question, value, reasons."),
        ({"code": "x" * MOST_BODY}, 413, f"the body is larger than {MOST_BODY} bytes."),
    ],
)
def test_what_is_no_answer(folder: Path, body: dict[str, Any], status: int, sentence: str) -> None:
    with asked(folder) as client:
        code = post(client, "participants")["code"]
        number = post(client, "next", code=code)["question"]
        # As escaped JSON: a client encodes no half of a pair of surrogates.
        told = json.dumps({"code": code, "question": number, "value": 3, "reasons": []} | body)
        answer = client.post("answers", content=told, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["message"]) == (status, sentence)
        assert post(client, "next", code=code)["done"] == 0


def test_other_sites_and_broken_bodies(folder: Path) -> None:
    with asked(folder) as client:
        assert client.post("participants", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
        assert (
            client.post("participants", content=b"{", headers={"content-type": "application/json"}).status_code == 400
        )
        twice = client.post("next", content=b'{"code": "a", "code": "b"}', headers={"content-type": "application/json"})
        assert twice.json()["error"]["message"] == "the body is no JSON (the key 'code' is there twice)."
        assert client.post("participants", json={}, headers={"host": "example.com"}).status_code == 403
        assert client.get(f"pictures/{sorted(MADE.pictures)[0]}", headers={"host": "example.com"}).status_code == 403
        assert client.get("pictures/..%2Fstudy.json").status_code == 404


def test_a_key_is_asked_for_everywhere_but_on_the_page(folder: Path) -> None:
    with asked(folder, key="secret") as client:
        assert client.get("/").status_code == 200
        assert client.post("participants", json={}).status_code == 401
        assert client.get(f"pictures/{sorted(MADE.pictures)[0]}").status_code == 401
        headers = {"authorization": "Bearer secret"}
        assert client.post("participants", json={}, headers=headers).status_code == 200


def test_who_may_reach_it(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="can be reached from other machines, and there is no key"):
        serve(folder, "0.0.0.0", 0, None, no_auth=False, check=True)
    serve(folder, "0.0.0.0", 0, None, no_auth=True, check=True)
    (tmp_path / "key").write_text("secret\n")
    serve(folder, "0.0.0.0", 0, tmp_path / "key", no_auth=False, check=True)
    out = capsys.readouterr().out
    assert "12 questions for each participant, at http://0.0.0.0:" in out
    assert "#key=YOUR-KEY" in out
    assert "secret" not in out


def test_one_server_at_a_time(folder: Path) -> None:
    with asked(folder) as client:
        post(client, "participants")
        with pytest.raises(OutputError, match="is being written by process"):
            StudyServer(folder, host="127.0.0.1", port=0).run()


def test_a_client_that_goes_away_in_its_body_leaves_no_trace(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with shown(folder) as server:
        address = server.socket.getsockname()
        head = "POST /participants HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(f"{head}Content-Length: 4000\r\n\r\n{{".encode())
        with httpx2.Client(base_url=server.url, timeout=30) as client:
            post(client, "participants")
    assert capsys.readouterr().err == ""


def test_a_picture_that_is_missing_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *_ = sorted(MADE.pictures)
    with asked(folder) as client:
        (folder / PICTURES / f"{first}.png").unlink()
        answer = client.get(f"pictures/{first}")
        assert answer.status_code == 404
        assert f"the picture {first} is missing or cannot be read" in answer.json()["error"]["message"]
    with pytest.raises(BenchmarkError, match=rf"{first}\.png is missing; copy the whole study again"):
        serve(folder, "127.0.0.1", 0, None, no_auth=False, check=True)
    (folder / PICTURES / f"{second}.png").unlink()
    with pytest.raises(BenchmarkError, match=rf"{first}\.png, and 1 more are missing"):
        serve(folder, "127.0.0.1", 0, None, no_auth=False, check=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("damage", ["whole", "page"])
def test_answers_that_are_damaged_are_told_by_a_check(folder: Path, damage: str) -> None:
    serve(folder, "127.0.0.1", 0, None, no_auth=False, check=True)
    assert not (folder / ANSWERS).exists()
    with AnswerStore(folder, MADE) as store:
        for _ in range(300):
            store.enter()
    serve(folder, "127.0.0.1", 0, None, no_auth=False, check=True)
    content = (folder / ANSWERS).read_bytes()
    page = 4096
    kept = content[:-page] + b"\xee" * page if damage == "page" else b"no answers" * 100
    (folder / ANSWERS).write_bytes(kept)
    with pytest.raises(OutputError, match=r"answers\.sqlite cannot be written as a file of answers"):
        serve(folder, "127.0.0.1", 0, None, no_auth=False, check=True)


def test_a_full_study_takes_nobody_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalingar.serve.study.app.MOST_PEOPLE", 1)
    with asked(folder) as client:
        post(client, "participants")
        answer = client.post("participants", json={})
        assert answer.json()["error"]["message"] == "1 people take part already, and no more are asked."


def test_answers_that_cannot_be_written_are_not_taken_for_given(folder: Path) -> None:
    with AnswerStore(folder, MADE) as store:
        code = store.enter()
        app = build_app(folder, MADE, store, Door(None, no_auth=True))
        store._base.execute("PRAGMA query_only = ON")  # as a full disk
        transport = httpx2.ASGITransport(app=app)

        async def go() -> httpx2.Response:
            async with httpx2.AsyncClient(transport=transport, base_url="http://study") as client:
                number = (await client.post("next", json={"code": code})).json()["question"]
                return await client.post("answers", json={"code": code, "question": number, "value": 3, "reasons": []})

        answer = asyncio.run(go())
        assert answer.status_code == 500
        assert "could not be written" in answer.json()["error"]["message"]
