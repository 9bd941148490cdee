"""A server on this machine that speaks OpenAI's protocol, well or badly."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

Way = Callable[[dict[str, Any]], tuple[int, Any] | None]
"""From a request to status and body; None hangs until the end of the test."""


class Endpoint:
    """Keeps what it was sent."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.requests: list[dict[str, Any]] = []
        self.url = ""
        self.lock = Lock()
        self.over = Event()


@contextmanager
def serving(way: Way) -> Iterator[Endpoint]:
    endpoint = Endpoint(way)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with endpoint.lock:
                endpoint.requests.append(request)
            answer = endpoint.way(request)
            if answer is None:
                endpoint.over.wait(20)
                return
            status, body = answer
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield endpoint
        finally:
            endpoint.over.set()
            server.shutdown()


def completion(text: str, **chances: float) -> tuple[int, Any]:
    """A completion; ``chances``: logarithms of the probabilities of its first word, if there are any."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    if chances:
        top = [{"token": token, "logprob": value, "bytes": None} for token, value in chances.items()]
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    return 200, {"id": "1", "object": "chat.completion", "created": 0, "model": "seer", "choices": [choice]}


def error(status: int, message: str, code: str = "") -> tuple[int, Any]:
    return status, {"error": {"message": message, "code": code}}


def question_of(request: dict[str, Any]) -> str:
    return str(request["messages"][1]["content"][0]["text"])
