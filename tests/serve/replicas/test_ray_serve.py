"""How many replicas are asked for, and what is left on a cluster of others."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from scalingar.core.errors import ConfigError
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.replicas import ray_serve
from scalingar.serve.replicas.ray_serve import ReplicaSettings, replicas
from scalingar.serve.start import ServerSettings


def test_as_many_as_are_named_or_between_two_numbers() -> None:
    assert ReplicaSettings.from_dict({"replicas": 3}).most == 3
    assert ReplicaSettings.from_dict({"replicas": 1, "max_replicas": 4}).most == 4


@pytest.mark.parametrize(
    "settings", [{"replicas": 0}, {"replicas": 3, "max_replicas": 2}, {"gpus_per_replica": -1.0}, {"many": 1}]
)
def test_numbers_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        ReplicaSettings.from_dict(settings)


class Cluster:
    """Stands for Ray Serve on a cluster of others."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failure: BaseException | None = None) -> None:
        self.applications: dict[str, Any] = {}
        self.proxies: dict[str, Any] = {}
        self.failure = failure

        @contextmanager
        def connected(*_: Any, **__: Any) -> Iterator[None]:
            yield

        monkeypatch.setattr(ray_serve, "cluster", connected)
        for name in ("start", "run", "status", "delete", "shutdown"):
            monkeypatch.setattr(ray_serve.ray_serve, name, getattr(self, name))

    def start(self, **_: Any) -> None:
        self.proxies = {"node": "HEALTHY"}

    def run(self, _: Any, *, name: str, **__: Any) -> None:
        self.applications[name] = None
        if self.failure is not None:
            raise self.failure

    def status(self) -> Any:
        return SimpleNamespace(proxies=dict(self.proxies), applications=dict(self.applications))

    def delete(self, name: str) -> None:
        del self.applications[name]

    def shutdown(self) -> None:
        self.applications, self.proxies = {}, {}


def start() -> Any:
    return replicas(Recipe(), ServerSettings(port=0), ReplicaSettings(address="head:6379"))


def test_what_others_put_on_their_cluster_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch)
    with start():
        cluster.applications["theirs"] = None
    assert list(cluster.applications) == ["theirs"]


@pytest.mark.parametrize("failure", [None, RuntimeError("no room"), KeyboardInterrupt()], ids=str)
def test_nothing_is_left_on_a_cluster_of_others(failure: BaseException | None, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, failure)
    if failure is None:
        with start():
            assert list(cluster.applications) == ["scalingar"]
    else:
        with pytest.raises((ConfigError, KeyboardInterrupt)), start():
            pass
    assert (cluster.applications, cluster.proxies) == ({}, {})


def test_a_cluster_where_serve_runs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch)
    cluster.start()
    with pytest.raises(ConfigError, match="Ray Serve runs on this cluster already"), start():
        pass
    assert cluster.proxies
