"""The server as its clients see it: over a socket, with OpenAI's own client, and with clients that go away."""

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import openai
import pytest
from PIL import Image

from scalingar.core.pixels import rounded
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies.engine.open_engine import OpenEngine
from tests.serve.running import USUAL, Running, running
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import var_pipe

PROMPT = "a red cat"


@pytest.fixture(scope="module")
def pipe() -> ImagePipeline:
    return tiny_pipe()


@pytest.fixture(scope="module")
def served(pipe: ImagePipeline) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch, running(patch, pipe) as server:
        yield server


def picture(text: str | None) -> Image.Image:
    assert text is not None
    return Image.open(io.BytesIO(base64.b64decode(text)))


def pixels(text: str | None) -> bytes:
    return picture(text).convert("RGB").tobytes()


def drawn_alone(pipe: ImagePipeline, **fields: Any) -> bytes:
    prompt = fields.pop("prompt", PROMPT)
    return bytes(pipe(prompt, **{"strategy": USUAL["strategy"], **fields}).images[0].tobytes())


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_openais_client_gets_the_picture_that_the_pipeline_draws(served: Running, pipe: ImagePipeline) -> None:
    answer = served.openai.images.generate(
        prompt=PROMPT, model="tiny", n=2, size="16x16", quality="high", user="me", extra_body={"seed": 5}
    )
    assert answer.data is not None
    assert [pixels(image.b64_json) for image in answer.data] == [drawn_alone(pipe, seed=seed) for seed in (5, 6)]
    assert [image.seed for image in answer.data] == [5, 6]  # type: ignore[attr-defined]
    assert (answer.size, answer.quality, answer.output_format, answer.background) == ("16x16", "high", "png", "opaque")
    alone = pipe(PROMPT, strategy=USUAL["strategy"], seed=[5, 6], num_images_per_prompt=2)
    assert answer.usage is not None
    assert answer.usage.output_tokens == alone.ledger.tokens
    assert answer.usage.total_tokens == answer.usage.input_tokens + alone.ledger.tokens
    assert answer.usage.input_tokens == 8, "slots of the condition"


def test_a_png_carries_its_recipe(served: Running, pipe: ImagePipeline) -> None:
    info = json.loads(picture(served.post(seed=3).json()["data"][0]["b64_json"]).info["scalingar"])
    assert (info["recipe"]["prompt"], info["recipe"]["seed"]) == (PROMPT, 3)
    assert info["recipe"]["strategy"]["num_trajectories"] == 4


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_formats(served: Running, pipe: ImagePipeline, kind: str) -> None:
    texts = {}
    for compression in (100, *([5] if kind != "png" else [])):
        answer = served.post(seed=1, output_format=kind, output_compression=compression, strategy="single").json()
        assert answer["output_format"] == kind
        texts[compression] = answer["data"][0]["b64_json"]
        assert picture(texts[compression]).format == kind.upper()
    exact = np.frombuffer(drawn_alone(pipe, seed=1, strategy="single"), np.uint8).astype(int)
    error = {key: abs(np.frombuffer(pixels(text), np.uint8) - exact).mean() for key, text in texts.items()}
    assert error[100] == 0 if kind == "png" else error[100] < error[5]


def test_a_stream_shows_the_leading_trajectory_and_then_the_picture(served: Running, pipe: ImagePipeline) -> None:
    with served.openai.images.generate(
        prompt=PROMPT, stream=True, partial_images=3, quality="low", extra_body={"seed": 2, "strategy": "random-of-n"}
    ) as stream:
        events: list[Any] = list(stream)
    assert [event.type for event in events] == ["image_generation.partial_image"] * 3 + ["image_generation.completed"]
    assert [event.partial_image_index for event in events[:3]] == [0, 1, 2]
    final = events[-1]
    assert pixels(final.b64_json) == drawn_alone(pipe, seed=2, strategy="single")
    codes = pipe(PROMPT, strategy="single", seed=2).candidates[0][0].codes
    for event, steps in zip(events[:3], (4, 8, 12), strict=True):
        assert pixels(event.b64_json) == rounded(pipe.decode(codes[None, :steps])[0]).tobytes()
    assert final.usage.output_tokens == 16
    assert (final.size, final.quality, final.background) == ("16x16", "low", "opaque")


def test_a_stream_without_partial_pictures_is_one_event(served: Running) -> None:
    answer = served.post(stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: ") == 1
    assert answer.text.startswith("event: image_generation.completed\ndata: {")


LAYOUT = {"name": "gridar", "num_trajectories": 2, "reward": "log-likelihood", "rewrite": "layout"}


def test_requests_at_once_are_those_one_after_the_other(served: Running, pipe: ImagePipeline) -> None:
    cases: list[dict[str, Any]] = [
        {"seed": 1},
        {"seed": 2, "prompt": "two dogs", "strategy": "successive-halving", "num_trajectories": 8},
        {"seed": 3, "sampling": {"top_k": 4, "temperature": 0.7}},
        {"seed": 4, "guidance_scale": 5.0, "strategy": {"name": "best-of-n", "reward": "pmi", "num_trajectories": 3}},
        {"seed": 5, "guidance_scale": 1.0},
        {"seed": 6, "strategy": {"name": "single"}},
        {"seed": 7, "strategy": {"name": "scaling-ar", "profile": {"distribution": "conditional"}}},
        {"seed": 8, "sampling": {"greedy": True}, "num_trajectories": 1},
        {"seed": 9, "prompt": "a dog and a cat", "strategy": LAYOUT},
    ]
    with ThreadPoolExecutor(len(cases)) as pool:
        answers = list(pool.map(lambda case: served.post(**case).json(), cases))
    for case, answer in zip(cases, answers, strict=True):
        assert pixels(answer["data"][0]["b64_json"]) == drawn_alone(pipe, **case), case
    assert all(engine.live is None and not engine.busy for engine in served.engines)


def test_candidates_are_told_if_asked_for(served: Running, pipe: ImagePipeline) -> None:
    (image,) = served.post(seed=4, return_candidates=True).json()["data"]
    alone = pipe(PROMPT, strategy=USUAL["strategy"], seed=4).results[0]
    assert [told["fate"] for told in image["candidates"]] == [candidate.fate for candidate in alone.candidates]
    assert any("cut" in told["fate"] for told in image["candidates"])
    assert [told["index"] for told in image["candidates"] if told["chosen"]] == [alone.chosen]
    for told, candidate in zip(image["candidates"], alone.candidates, strict=True):
        assert told["tokens"] == candidate.drawn
        assert (told["b64_json"] is not None) == candidate.finished
    assert "candidates" not in served.post(seed=4).json()["data"][0]


def test_without_a_seed_every_request_draws_another_picture(served: Running) -> None:
    seeds = {served.post(quality="low").json()["data"][0]["seed"] for _ in range(2)}
    assert len(seeds) == 2


def test_a_word_that_nobody_knows_is_the_requests_fault(served: Running) -> None:
    with pytest.raises(openai.BadRequestError) as told:
        served.openai.images.generate(prompt="xylophone", model="tiny")
    assert "no word of 'xylophone' is known" in told.value.message
    assert told.value.param == "prompt"
    assert told.value.request_id
    answer = served.post(prompt="a xylophone and a cat", strategy=LAYOUT)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "prompt")
    assert "it does not know 'xylophone'" in answer.json()["error"]["message"]
    with pytest.raises(openai.NotFoundError, match="is not served"):
        served.openai.images.generate(prompt=PROMPT, model="gpt-image-2")
    with pytest.raises(openai.BadRequestError, match="nothing is planned"):
        served.openai.images.generate(prompt=PROMPT, complexity="high")


def test_a_request_is_told_what_was_read_otherwise(served: Running) -> None:
    unknown = "the embedded model does not know 'wombat' in 'a wombat and a cat'; it reads"
    for _ in range(2):  # the second time as well
        (told,) = served.post(prompt="a wombat and a cat", quality="low").json()["warnings"]
        assert told.startswith(unknown)
        assert told.endswith(".")
    assert served.post(quality="low").json()["warnings"] == []
    (alone,) = served.post(quality="low", guidance_scale=1).json()["warnings"]
    assert "the conditional channel says nothing" in alone
    with served.openai.images.generate(prompt="a wombat and a cat", stream=True, quality="low") as events:
        (done,) = events
    assert done.model_extra is not None
    assert done.model_extra["warnings"][0].startswith(unknown)


def test_nobody_is_told_what_others_ask_for(pipe: ImagePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, pipe) as served:
        steps = Steps(monkeypatch)
        prompts = ["a wombat and a cat", "a red cat", "a quokka and a dog"]
        with ThreadPoolExecutor(3) as pool:
            asked = [pool.submit(served.post, prompt=prompt, quality="low") for prompt in prompts]
            until(lambda: served.server.service.queued == 3)
            steps.allow(1000)
            told = [answer.result().json()["warnings"] for answer in asked]
    assert [len(own) for own in told] == [1, 0, 1]
    assert "wombat" in told[0][0]
    assert "quokka" not in told[0][0]
    assert "quokka" in told[2][0]
    assert "wombat" not in told[2][0]


@pytest.mark.parametrize(
    ("method", "path", "content", "kind", "status", "code"),
    [
        ("GET", "/nothing", b"", "", 404, "not_found"),
        ("GET", "/images/generations", b"", "", 405, "not_found"),
        ("POST", "/images/generations", b"{", "application/json", 400, "invalid_json"),
        ("POST", "/images/generations", b'{"prompt": "a dog"}', "text/plain", 415, "invalid_content_type"),
        ("POST", "/images/generations", b" " * (2**20 + 1), "application/json", 413, "too_large"),
    ],
)
def test_errors_have_openais_form(
    served: Running, method: str, path: str, content: bytes, kind: str, status: int, code: str
) -> None:
    answer = served.http.request(method, path, content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.json()["error"]["code"] == code
    assert answer.headers["x-request-id"]


def test_a_large_body_without_its_length_is_refused_while_it_comes(served: Running) -> None:
    headers = {"content-type": "application/json"}
    answer = served.http.post("/images/generations", content=(b" " * 2**16 for _ in range(20)), headers=headers)
    assert answer.status_code == 413


def test_models_health_and_metrics(served: Running) -> None:
    assert [model.id for model in served.openai.models.list()] == ["tiny"]
    assert served.http.get("/../health").json() == {"status": "ready", "model": "tiny"}
    before = {name: served.metric(name) for name in ("scalingar_tokens_total", "scalingar_images_total")}
    usage = served.post(seed=4).json()["usage"]
    assert served.metric("scalingar_tokens_total") - before["scalingar_tokens_total"] == usage["output_tokens"]
    assert served.metric("scalingar_images_total") == before["scalingar_images_total"] + 1
    assert served.metric("scalingar_tokens_saved_total") > 0
    until(lambda: served.metric("scalingar_live_rows") == served.metric("scalingar_queue_requests") == 0)
    assert 'scalingar_requests_total{status="200"}' in served.http.get("/../metrics").text


def test_the_schema_is_served_and_no_page_of_others(served: Running) -> None:
    told = served.http.get("/../openapi.json").json()["paths"]["/v1/images/generations"]["post"]
    content = told["requestBody"]
    assert "num_trajectories" in content["content"]["application/json"]["schema"]["properties"]
    answer = told["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert answer.keys() == {*served.post(quality="low").json()}
    assert answer["warnings"]["items"] == {"type": "string"}
    assert served.http.get("/../docs").status_code == 404


class Steps:
    """Lets the engine make steps one by one."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.allowed, self.made = threading.Semaphore(0), 0
        step = OpenEngine.step

        def counted(engine: OpenEngine) -> Any:
            assert self.allowed.acquire(timeout=60)
            self.made += 1
            return step(engine)

        patch.setattr(OpenEngine, "step", counted)

    def allow(self, count: int) -> None:
        for _ in range(count):
            self.allowed.release()


def ask(server: Running, **fields: Any) -> socket.socket:
    """Send a request and do not wait."""
    body = json.dumps({"prompt": PROMPT, **fields}).encode()
    connection = socket.create_connection(server.server.socket.getsockname(), timeout=60)
    head = "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_rows_within_a_step(
    stream: bool, pipe: ImagePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(monkeypatch, pipe) as served:
        steps = Steps(monkeypatch)
        gone, stays = ask(served, stream=stream, num_trajectories=8), ask(served, seed=1, quality="low")
        until(lambda: served.server.service.queued == 2)
        steps.allow(3)
        until(lambda: steps.made == 3 and bool(served.engines))
        gone.close()
        until(lambda: len(served.server.service._inbox) == 1 or len(served.server.service._jobs) == 1)
        steps.allow(1)  # the one that the worker is already in
        until(lambda: len(served.server.service._jobs) == 1)
        assert served.engines[0].live_rows == 1
        steps.allow(100)
        answer = stays.makefile("rb").read(12)
        assert answer == b"HTTP/1.1 200"
        stays.close()
        until(lambda: served.engines[0].live is None)
        until(lambda: 'status="499"' in served.http.get("/../metrics").text)


def test_a_full_queue_says_when_to_come_back(pipe: ImagePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, pipe, max_queue=1) as served:
        steps = Steps(monkeypatch)
        first = ask(served, quality="low")
        until(lambda: served.server.service.queued == 1)
        refused = served.post()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert refused.headers["x-should-retry"] == "true"
        assert refused.json()["error"]["code"] == "queue_full"
        steps.allow(1000)
        assert first.makefile("rb").read(12) == b"HTTP/1.1 200"
        first.close()
        assert served.post(quality="low").status_code == 200


def test_a_request_that_takes_too_long_is_given_up(pipe: ImagePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, pipe, max_seconds=0.2) as served:
        steps = Steps(monkeypatch)
        late = served.post()
        assert (late.status_code, late.json()["error"]["code"]) == (504, "timeout")
        steps.allow(1)
        until(lambda: not served.server.service._jobs)
        assert served.engines[0].live is None
        steps.allow(1000)


def test_a_stream_that_takes_too_long_ends_with_an_error(pipe: ImagePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, pipe, max_seconds=4) as served:
        steps = Steps(monkeypatch)
        steps.allow(5)
        late = served.post(stream=True, partial_images=3, quality="low")
        assert late.status_code == 200, "it had begun"
        shown, error = late.text.strip().split("\n\n")
        assert shown.startswith("event: image_generation.partial_image\n")
        event, data = error.split("\n")
        assert event == "event: error"
        assert json.loads(data.removeprefix("data: "))["error"]["code"] == "timeout"
        until(lambda: 'scalingar_requests_total{status="504"} 1.0' in served.http.get("/../metrics").text)
        assert served.metric("scalingar_images_total") == 0
        steps.allow(1000)


def test_after_a_bug_in_a_step_the_server_answers_on(pipe: ImagePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, pipe) as served:
        with monkeypatch.context() as patch:
            patch.setattr(OpenEngine, "_retire", lambda *_: 1 / 0)
            broken = served.post()
        assert (broken.status_code, broken.json()["error"]["type"]) == (500, "server_error")
        assert "ZeroDivision" not in broken.text
        assert served.post(quality="low").status_code == 200


def test_a_key_is_asked_for_everywhere_but_for_health(pipe: ImagePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALINGAR_API_KEY", "secret")
    with running(monkeypatch, pipe, key="secret") as served:
        assert served.post(quality="low").status_code == 200
        foreign = {"authorization": "Bearer other"}
        routes = {(route.path, method) for route in served.app.routes for method in route.methods} - {
            ("/health", "GET")
        }
        assert ("/openapi.json", "GET") in routes
        for path, method in routes:
            assert served.http.request(method, f"/..{path}", headers=foreign).status_code == 401, path
            if method == "GET":
                assert served.http.get(f"/..{path}").status_code == 200
        refused = served.http.post("/images/generations", json={"prompt": PROMPT}, headers=foreign)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert served.http.get("/../health", headers=foreign).status_code == 200


def test_a_next_scale_model(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = var_pipe()
    strategy = {"name": "best-of-n", "reward": "pmi", "num_trajectories": 2}
    with running(monkeypatch, pipe) as served, ThreadPoolExecutor(3) as pool:
        cases = [{"prompt": prompt, "seed": 3, "strategy": strategy} for prompt in ("3", "1", "4")]
        answers = list(pool.map(lambda case: served.post(**case, stream=True, partial_images=2).text, cases))
    for case, answer in zip(cases, answers, strict=True):
        datas = [json.loads(line.removeprefix("data: ")) for line in answer.splitlines() if line.startswith("data: ")]
        assert [data["type"].rpartition(".")[2] for data in datas] == ["partial_image", "partial_image", "completed"]
        assert pixels(datas[-1]["b64_json"]) == drawn_alone(pipe, **case)
