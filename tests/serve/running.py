"""A server over the tiny model, on a free port of this machine, whose rows are checked after every step."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
import pytest

from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.limits import Limits
from scalingar.serve.loading import offer_of
from scalingar.serve.offer import Offer
from scalingar.serve.start import Server, ServerSettings
from scalingar.strategies.engine.open_engine import OpenEngine
from tests.tiny.pipes import tiny_pipe

USUAL: dict[str, Any] = {
    "strategy": {"name": "scaling-ar", "num_trajectories": 4, "gate": {"quantile": 0.4, "warmup_fraction": 0.1}}
}


def tiny_offer(pipe: ImagePipeline | None = None, usual: dict[str, Any] | None = None, **limits: Any) -> Offer:
    """What a server of the tiny model can be asked for."""
    return offer_of(pipe or tiny_pipe(), Recipe.from_dict(usual or USUAL), Limits(**limits), name="tiny")


@dataclass
class Running:
    """A server that answers, and clients of it."""

    server: Server
    http: httpx2.Client
    openai: openai.OpenAI

    @property
    def page(self) -> str:
        """Where its studio is."""
        assert self.server.page_url is not None
        return self.server.page_url

    @property
    def app(self) -> Any:
        """Its routes."""
        return self.server._uvicorn.config.app

    @property
    def engines(self) -> list[OpenEngine]:
        """Its live batches."""
        return [lane.engine for lane in self.server.service.lanes.values()]

    def post(self, **body: Any) -> httpx2.Response:
        """A request for images."""
        return self.http.post("/images/generations", json={"prompt": "a red cat", **body})

    def metric(self, name: str) -> float:
        """One number of /metrics."""
        lines = self.http.get("/../metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


@contextmanager
def running(
    patch: pytest.MonkeyPatch, pipe: ImagePipeline | None = None, key: str | None = None, **settings: Any
) -> Iterator[Running]:
    """A server in a thread, from the moment its model is there until the block ends."""
    served = pipe or tiny_pipe()
    step = OpenEngine.step

    def checked(engine: OpenEngine) -> Any:
        events = step(engine)
        if engine.live is not None:
            engine.live.check()
        return events

    patch.setattr(OpenEngine, "step", checked)
    patch.setattr(
        "scalingar.serve.start.load_offer",
        lambda recipe, limits, rewards, name: offer_of(served, recipe, limits, rewards, name or "tiny"),
    )
    usual = USUAL if served.decoding == "next-token" else {"strategy": "random-of-n"}
    server = Server(Recipe.from_dict(usual), ServerSettings.from_dict({"port": 0, "studio": False, **settings}))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.service.loaded.wait(60)
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        with (
            httpx2.Client(base_url=server.url, headers=headers, timeout=60) as http,
            openai.OpenAI(base_url=server.url, api_key=key or "none", max_retries=0) as client,
        ):
            yield Running(server, http, client)
    finally:
        server.stop()
        thread.join(60)
        assert not thread.is_alive()
