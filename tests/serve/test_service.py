"""The thread that owns the model: it outlives every failure, and no request feels another's end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import pytest

from scalingar.core.errors import WeightsError
from scalingar.core.outputs import PromptResult
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.errors import ApiError
from scalingar.serve.job import Finished, Job, Message
from scalingar.serve.metrics import Metrics
from scalingar.serve.offer import Offer
from scalingar.serve.service import LiveService
from scalingar.strategies.engine.open_engine import OpenEngine
from tests.serve.running import tiny_offer
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import var_pipe

GUIDED: dict[str, Any] = {"strategy": {"name": "random-of-n", "num_trajectories": 8}}
ALONE: dict[str, Any] = {"strategy": "single"}


@contextmanager
def service_of(offer: Offer) -> Iterator[LiveService]:
    service = LiveService(lambda: offer, 64, Metrics())
    service.start()
    assert service.loaded.wait(60)
    try:
        yield service
    finally:
        service.close()
        assert not service._thread.is_alive()


class Client:
    """A request, and the messages that come back."""

    def __init__(self, service: LiveService, prompt: str = "a red cat", **values: Any) -> None:
        self.messages: Queue[Message] = Queue()
        recipe = Recipe.from_dict(values).resolved(service.ready_offer().pipe)
        self.job = Job(recipe, prompt, recipe.seed, 0, candidates=False, send=self.messages.put)
        service.submit(self.job)

    @property
    def answer(self) -> Finished | ApiError:
        message = self.messages.get(timeout=60)
        assert isinstance(message, Finished | ApiError)
        return message

    @property
    def result(self) -> PromptResult:
        answer = self.answer
        assert isinstance(answer, Finished), answer
        return answer.output.results[0]


def test_a_verifier_that_cannot_be_read_ends_its_request_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with service_of(tiny_offer()) as service:
        with monkeypatch.context() as patch:
            patch.setattr(Offer, "kind", lambda *_: (_ for _ in ()).throw(WeightsError("/secret/head is damaged")))
            answer = Client(service, **ALONE).answer
            assert isinstance(answer, ApiError)
            assert (answer.status, answer.code) == (500, "server_failed")
            assert "secret" not in answer.message, "a request names no file, so that none is told"
        assert Client(service, **ALONE).result
        assert not service._jobs


def test_who_gives_up_after_a_failed_step_cancels_nobody_else() -> None:
    """The new batch numbers its images as the failed one did."""
    with service_of(tiny_offer()) as service, pytest.MonkeyPatch.context() as patch:
        stepping, go_on = threading.Event(), threading.Event()

        def failing(engine: OpenEngine) -> Any:
            stepping.set()
            assert go_on.wait(60)
            raise MemoryError

        patch.setattr(OpenEngine, "step", failing)
        first = Client(service, **ALONE)
        assert stepping.wait(60)
        patch.undo()
        second = Client(service, **ALONE)
        service.cancel(first.job)
        assert [wanted for _, wanted in service._inbox] == [True, False]
        go_on.set()
        assert isinstance(first.answer, ApiError)
        assert second.result


def test_a_thread_that_ends_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with service_of(tiny_offer()) as service:
        monkeypatch.setattr(LiveService, "_measure", lambda _: 1 / 0)
        client = Client(service, **ALONE)
        answer = client.answer
        assert isinstance(answer, ApiError)
        assert answer.status == 500
        service._thread.join(60)
        with pytest.raises(ApiError, match="the server has failed") as failed:
            Client(service, **ALONE)
        assert failed.value.status == 503


@contextmanager
def rows_counted(service: LiveService, patch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Live trajectories of all batches at every draw."""
    counts: list[int] = []
    draw = OpenEngine._draw

    def counted(engine: OpenEngine, *of_step: Any) -> None:
        counts.append(sum(lane.engine.live_rows for lane in service.lanes.values()))
        draw(engine, *of_step)

    patch.setattr(OpenEngine, "_draw", counted)
    yield counts


def test_all_batches_together_keep_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tiny_pipe()
    with service_of(tiny_offer(pipe, max_rows=8)) as service, rows_counted(service, monkeypatch) as counts:
        values = [{**GUIDED, "guidance_scale": scale, "seed": seed} for seed, scale in enumerate([3.0, 1.0] * 3)]
        results = [client.result for client in [Client(service, **each) for each in values]]
    assert max(counts) == 8
    for each, result in zip(values, results, strict=True):
        alone = pipe("a red cat", **each).candidates[0]
        assert [one.codes.tolist() for one in result.candidates] == [one.codes.tolist() for one in alone]


def test_rows_that_a_search_will_start_are_kept_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    offer = tiny_offer(var_pipe(), {"strategy": "random-of-n"}, max_rows=8)
    density = {"strategy": {"name": "density", "num_trajectories": 8, "densest": 2}}
    with service_of(offer) as service, rows_counted(service, monkeypatch) as counts:
        clients = [Client(service, "3", **density, seed=seed) for seed in range(4)]
        assert all(client.result for client in clients)
    assert max(counts) == 8
