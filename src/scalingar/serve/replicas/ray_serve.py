"""Ray Serve in front of replicas that each hold a model and a live batch."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import ray
from fastapi import FastAPI
from pydantic import Field, model_validator
from ray import serve as ray_serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from scalingar.bench.runs.executors.ray_cluster import cluster
from scalingar.core.errors import ConfigError
from scalingar.core.settings import Settings
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.app import build_app
from scalingar.serve.auth import Door, check_exposure, read_key
from scalingar.serve.loading import load_offer
from scalingar.serve.metrics import Metrics
from scalingar.serve.service import LiveService
from scalingar.serve.start import ServerSettings, listening

_NAME = "scalingar"
_PROXIES = 2
"""CPUs of a cluster of one's own for Ray Serve's controller and its door."""
_CHECK_SECONDS = 2.0
"""Between two looks at whether a replica is well."""


class ReplicaSettings(Settings):
    """How many there are. Between the two numbers they follow the number of requests under way."""

    replicas: int = Field(1, ge=1, description="at least")
    max_replicas: int | None = Field(None, ge=1, description="at most; None: always the same number")
    cpus_per_replica: int = Field(1, ge=1, description="that ray keeps free for each")
    gpus_per_replica: float = Field(0.0, ge=0, description="that ray keeps free for each")
    requests_per_replica: int = Field(8, ge=1, description="under way at once, before another replica is started")
    address: str | None = Field(None, description="of a running cluster; None: one of this machine")

    @model_validator(mode="after")
    def _ordered(self) -> "ReplicaSettings":
        if self.most < self.replicas:
            raise ValueError(f"max_replicas is {self.max_replicas}, fewer than replicas, {self.replicas}")
        return self

    @property
    def most(self) -> int:
        """At most."""
        return self.max_replicas or self.replicas


class Replica:
    """One server, as Ray Serve runs it: the same routes over a live batch of its own."""

    def __init__(self, recipe: Recipe, settings: ServerSettings, key: str | None) -> None:
        """Load the model; requests come afterwards. Raises ScalingarError."""
        limits, metrics = settings.limits, Metrics()
        load = partial(load_offer, recipe, limits, settings.rewards, settings.name)
        self._service = LiveService(load, limits.max_queue, metrics)
        self._app = build_app(self._service, limits, Door(key, no_auth=settings.no_auth), metrics)
        self._service.start()
        self._service.loaded.wait()
        if self._service.failure is not None:
            raise self._service.failure

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The routes."""
        return self._app


@contextmanager
def replicas(recipe: Recipe, settings: ServerSettings, many: ReplicaSettings) -> Iterator[str]:
    """Serve at an address, which is handed out when all are ready, until the block ends.

    Raises:
        ConfigError: the address is taken, it would be open to everybody, ray cannot start, or Ray Serve runs there.
    """
    key = read_key(settings.api_key_file)
    check_exposure(settings.host, key, no_auth=settings.no_auth)
    if settings.runs is not None:
        raise ConfigError("runs are shown by the studio, which replicas lack; serve them with --backend threads.")
    found = listening(settings.host, settings.port)
    host, port = found.getsockname()[:2]
    found.close()
    made: Any = ray_serve.deployment(ray_serve.ingress()(Replica))
    deployment = made.options(
        name=_NAME,
        max_ongoing_requests=settings.max_queue + settings.max_rows,
        health_check_period_s=_CHECK_SECONDS,
        ray_actor_options={"num_cpus": many.cpus_per_replica, "num_gpus": many.gpus_per_replica},
        autoscaling_config={
            "min_replicas": many.replicas,
            "max_replicas": many.most,
            "target_ongoing_requests": many.requests_per_replica,
        },
    )
    own = many.address is None and not ray.is_initialized()
    with cluster(many.address, cpus=many.most * many.cpus_per_replica + _PROXIES):
        logging.getLogger("ray.serve").setLevel(logging.CRITICAL)
        there = ray_serve.status()
        if there.proxies or there.applications:  # it would keep its own host and port
            raise ConfigError(
                "Ray Serve runs on this cluster already, at an address of its own; end it with 'serve shutdown', or "
                "use another cluster."
            )
        try:
            try:
                ray_serve.start(http_options={"host": host, "port": port})
                ray_serve.run(deployment.bind(recipe, settings, key), name=_NAME, route_prefix="/")
            except (RuntimeError, TimeoutError, RayServeException) as error:
                reason = " ".join(str(error).split())[:300]
                raise ConfigError(f"Ray Serve cannot start: {reason}") from None
            yield f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
        finally:
            _end(own=own)


def _end(*, own: bool) -> None:
    """End what was started here, also half of it; what others have put on their cluster meanwhile stays."""
    try:
        applications = {} if own else ray_serve.status().applications
    except RayError:  # the cluster is gone, and with it all that ran there
        return
    if _NAME in applications:
        ray_serve.delete(_NAME)
    if not applications.keys() - {_NAME}:  # Serve itself is ours too: it did not run before
        ray_serve.shutdown()


def serve(recipe: Recipe, settings: Mapping[str, Any], many: Mapping[str, Any], *, check: bool = False) -> None:
    """Serve until the process is told to end. ``check``: start everything, but stop then. Raises ScalingarError."""
    of_replicas = ReplicaSettings.from_dict(many)
    with replicas(recipe, ServerSettings.from_dict(settings), of_replicas) as url:
        print(f"serving at {url}: {of_replicas.replicas} to {of_replicas.most} replicas", flush=True)
        while not check and ray.is_initialized():
            time.sleep(_CHECK_SECONDS)
