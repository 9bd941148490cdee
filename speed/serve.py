"""A server on this machine under load: ``python -m speed.serve``.

Prints requests at once against one after the other (same pictures), their latencies, the growth of memory over many
requests, and what is left after clients that hang up, broken JSON and bodies that are too large. Listens on loopback
only. ``--requests`` bounds all of it.
"""

import argparse
import http.client
import json
import random
import resource
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scalingar.pipeline.recipe import Recipe
from scalingar.serve.start import Server, ServerSettings
from scalingar.strategies.engine.open_engine import OpenEngine
from speed.machine import describe

PROMPTS = ("a photo of a dog", "a photo of two cats", "a photo of a red apple", "a photo of a cup left of a clock")
BODY = 2**16
PATH = "/v1/images/generations"


class Client:
    """Asks one server."""

    def __init__(self, address: tuple[str, int], quality: str) -> None:
        self.address, self.quality = address, quality

    def body(self, number: int) -> bytes:
        """Of request ``number``: always the same."""
        asked = {"prompt": PROMPTS[number % len(PROMPTS)], "seed": number, "quality": self.quality}
        return json.dumps(asked).encode()

    def ask(self, number: int) -> tuple[float, str]:
        """Seconds and picture."""
        started = time.perf_counter()
        status, answer = self.post(self.body(number))
        if status != 200:
            raise RuntimeError(f"request {number}: {status} {answer!r}")
        return time.perf_counter() - started, json.loads(answer)["data"][0]["b64_json"]

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection(*self.address, timeout=600)
        connection.request("POST", PATH, body, {"content-type": "application/json", "host": "localhost"})
        answer = connection.getresponse()
        try:
            return answer.status, answer.read()
        finally:
            connection.close()

    def hang_up(self, number: int, seconds: float) -> None:
        """Go away before the answer."""
        body = self.body(number)
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection(self.address) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            time.sleep(seconds)


def at_once(client: Client, count: int) -> None:
    """Requests one after the other, then all at once."""
    client.ask(0)  # first calls pay for lazy initialisation
    started = time.perf_counter()
    alone = [client.ask(number) for number in range(count)]
    serial = time.perf_counter() - started
    with ThreadPoolExecutor(count) as pool:
        started = time.perf_counter()
        together = list(pool.map(client.ask, range(count)))
        parallel = time.perf_counter() - started
    same = sum(one == other for (_, one), (_, other) in zip(alone, together, strict=True))
    print(f"{count} requests one after the other {serial:6.2f} s, at once {parallel:6.2f} s: {serial / parallel:.2f} x")
    print(f"same pictures: {same} of {count}")
    print(f"seconds alone    {quantiles([seconds for seconds, _ in alone])}")
    print(f"seconds at once  {quantiles([seconds for seconds, _ in together])}")


def quantiles(seconds: Sequence[float]) -> str:
    """Median and 95th percentile, by the nearest rank."""
    ordered = sorted(seconds)
    rank = -(-95 * len(ordered) // 100)
    return f"p50 {statistics.median(ordered):.3f}  p95 {ordered[rank - 1]:.3f}"


def memory(client: Client, count: int, clients: int) -> None:
    """Resident memory after a tenth of the requests and after all of them."""
    with ThreadPoolExecutor(clients) as pool:
        first = count // 10
        seconds = [client_seconds for client_seconds, _ in pool.map(client.ask, range(first))]
        early = resident()
        seconds += [client_seconds for client_seconds, _ in pool.map(client.ask, range(first, count))]
    print(f"{count} requests by {clients} clients: {quantiles(seconds)}")
    print(f"resident {early / 1e6:.0f} MB after {first}, {resident() / 1e6:.0f} MB after {count}")


def resident() -> int:
    """Bytes of this process in memory now; where the system does not say, at most."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def abuse(client: Client, server: Server, count: int, broken: int) -> None:
    """A third of the clients hang up; some send what is no JSON, or too much."""
    generator = random.Random(0)
    tasks: list[tuple[str, Any]] = [("hang up" if number % 3 == 0 else "ask", number) for number in range(count)]
    tasks += [("post", b"{" * 9)] * broken + [("post", b" " * (BODY + 1))] * broken
    generator.shuffle(tasks)
    delays = [generator.random() for _ in tasks]

    def run(task: tuple[str, Any], delay: float) -> str:
        kind, what = task
        if kind == "hang up":
            client.hang_up(what, delay)
            return kind
        if kind == "post":
            return str(client.post(what)[0])
        client.ask(what)
        return "200"

    with ThreadPoolExecutor(8) as pool:
        told = Counter(pool.map(run, tasks, delays))
    client.ask(0)
    end = time.monotonic() + 60
    while any(lane.engine.busy for lane in server.service.lanes.values()) and time.monotonic() < end:
        time.sleep(0.05)
    rows = sum(lane.engine.live_rows for lane in server.service.lanes.values())
    print(f"of {len(tasks)}: {dict(sorted(told.items()))}; {rows} rows left, {server.service.queued} requests left")


def checked(step: Any) -> Any:
    """A step after which rows, images and cache must agree."""

    def run(engine: OpenEngine) -> Any:
        events = step(engine)
        if engine.live is not None:
            engine.live.check()
        return events

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--quality", default="low", choices=("low", "medium", "high", "xhigh"))
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--requests", type=int, default=500, help="for memory")
    parser.add_argument("--abuse", type=int, default=200, help="requests of which a third hang up")
    parser.add_argument("--broken", type=int, default=20, help="bodies that are no JSON, and as many too large")
    args = parser.parse_args()
    settings = ServerSettings(port=0, max_body=BODY, max_queue=1000)
    server = Server(Recipe.from_dict({"model": args.model}), settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        server.service.loaded.wait()
        server.service.ready_offer()
        client = Client(server.socket.getsockname()[:2], args.quality)
        print(describe())
        at_once(client, args.at_once)
        if args.requests:
            memory(client, args.requests, args.at_once)
        OpenEngine.step = checked(OpenEngine.step)  # type: ignore[method-assign]
        if args.abuse:
            abuse(client, server, args.abuse, args.broken)
    finally:
        server.stop()
        thread.join()


if __name__ == "__main__":
    main()
