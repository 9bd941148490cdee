"""How long workers of ray are awaited: without a cluster, by calls of ray that only note what is asked."""

from types import SimpleNamespace
from typing import Any

import pytest

from scalingar.bench.runs.executors import ray_workers
from scalingar.bench.runs.executors.ray_workers import RayWorkers
from scalingar.bench.runs.shard import Workbench
from scalingar.core.errors import ConfigError
from scalingar.pipeline.recipe import Recipe


def nothing() -> Workbench:
    raise AssertionError("it is not called")


class Ray:
    """``room``: whether there is a place for a worker. A call has ended as soon as it is awaited."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, room: bool) -> None:
        self.room = room
        self.waited: list[tuple[list[str], float | None]] = []
        calls = {name: SimpleNamespace(remote=lambda *_, n=name: n) for name in ("ready", "load", "prepare")}
        actor = SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda *_: SimpleNamespace(**calls)))
        monkeypatch.setattr(ray_workers, "_Actor", actor)
        monkeypatch.setattr(ray_workers, "ray", self)

    def wait(self, pending: list[str], timeout: float | None) -> tuple[list[str], list[str]]:
        self.waited.append((pending, timeout))
        return (pending[:1], []) if self.room else ([], pending)

    def get(self, reference: str) -> Any:
        return reference


def test_a_place_is_awaited_in_time_and_weights_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading may download, which tells nothing about the cluster."""
    ray = Ray(monkeypatch, room=True)
    assert RayWorkers(nothing, 1, 1).prepare(Recipe()) == "prepare"
    assert ray.waited == [(["ready"], 600.0), (["load"], None)]


def test_a_cluster_without_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Ray(monkeypatch, room=False)
    with pytest.raises(ConfigError, match="no room for a worker of 3 CPUs"):
        RayWorkers(nothing, 1, 3).prepare(Recipe())
