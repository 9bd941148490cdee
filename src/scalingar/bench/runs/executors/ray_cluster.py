"""A cluster of ray: one of this machine's own, or a running one. Quiet, without a dashboard, and telling nobody."""

import logging
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import ray
import ray._private.worker

from scalingar.core.errors import ConfigError
from scalingar.core.files import staging, sweep

_PATIENCE = 10.0
"""Seconds within which a machine has to answer."""
_LONGEST_FOLDER = 8
"""Letters of a folder in which ray's sockets find room: their paths may have 107."""
_STORE = 2**30
"""Bytes of memory, at most, that finished shards of a cluster of one's own wait in."""


@contextmanager
def cluster(address: str | None, *, cpus: int) -> Iterator[None]:
    """Be connected to the cluster at ``address``; None: to a new one on this machine, which ends with the block.

    ``cpus``: that a new one may hand out; its GPUs are all there are. A connection that is there already is used.

    Raises:
        ConfigError: nothing answers there, or ray cannot start.
    """
    if ray.is_initialized():
        yield
        return
    if address is not None:
        _check_answers(address)
    folder = Path(tempfile.gettempdir())
    folder = folder if len(str(folder)) <= _LONGEST_FOLDER else Path("/tmp")
    sweep(folder)
    with staging(folder) as place:
        try:
            with _environment():
                _connect(address, place, cpus)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            ray.shutdown()
            reason = " ".join(str(error).split())[:200]
            where = "a cluster on this machine" if address is None else f"the cluster at {address}"
            raise ConfigError(f"ray cannot reach {where}: {reason}") from None
        # Ray prints what befalls its workers to the standard output. Here that is told by who computes.
        ray._private.worker._worker_logs_enabled = False
        try:
            yield
        finally:
            ray.shutdown()


def _connect(address: str | None, place: Path, cpus: int) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address is not None:
        ray.init(address=address, **quiet)
        return
    ray.init(
        address="local",
        num_cpus=cpus,
        include_dashboard=False,
        object_store_memory=_STORE,
        _temp_dir=str(place),
        **quiet,
    )


@contextmanager
def _environment() -> Iterator[None]:
    """Variables that ray reads while it starts, for its processes and not for this one: ray itself would leave some.

    Usage statistics are off, for ray's releases leave them off in such clusters and its nightly builds do not. Whoever
    has not the token of this process gets no answer from its cluster; ray would keep one in the home.
    """
    before = dict(os.environ)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if "RAY_AUTH_MODE" not in before and "RAY_AUTH_TOKEN" not in before and "RAY_AUTH_TOKEN_PATH" not in before:
        os.environ["RAY_AUTH_TOKEN"] = _token()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@cache
def _token() -> str:
    """One for the whole process, because ray reads it once."""
    return secrets.token_hex(32)


def _check_answers(address: str) -> None:
    """Raises ConfigError unless HOST:PORT speaks as a head of ray does, which would itself be awaited for minutes.

    What else ray takes as an address passes.
    """
    host, colon, port = address.rpartition(":")
    if address == "auto" or "://" in address:
        return
    if not (colon and host and port.isdecimal() and int(port) < 2**16):
        raise ConfigError(f"--address {address}: write HOST:PORT of the cluster's head, as 'ray start' prints it.")
    if os.environ.get("RAY_USE_TLS") == "1":
        return
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_PATIENCE)
        except grpc.FutureTimeoutError:
            raise ConfigError(
                f"nothing of ray answers at {address} within {_PATIENCE:.0f} s; start it with 'ray start --head', or "
                "leave --address out."
            ) from None


def room(cpus: int, gpus: float) -> int:
    """How many workers of this size the cluster has room for, at least one."""
    there = ray.cluster_resources()
    fits = [int(there.get(kind, 0) / each) for kind, each in (("CPU", cpus), ("GPU", gpus)) if each]
    return max(1, min(fits, default=1))
