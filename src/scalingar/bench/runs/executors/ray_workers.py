"""Shards computed by workers of ray: processes on one machine or many, each with a model of its own."""

import os
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from scalingar.bench.runs.executors.ahead import Ahead
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.shard import Prepared, Shard, Task, Watch, Workbench
from scalingar.core.device.threads import torch_threads
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.pipeline.recipe import Recipe

_MOST_LOSSES = 8
"""Workers that may be lost, for each that there is to be, without a shard in between."""
_PATIENCE = 600.0
"""Seconds to wait for a place for the first worker, or for one when all are lost: a cluster may have to grow."""


class WorkerWarning(UserWarning):
    """What was warned of on another machine, or a worker that was lost."""


class Worker:
    """Lives in a process of its own, somewhere in the cluster."""

    def __init__(self, make: Callable[[], Workbench], folder: str) -> None:
        """``folder``: in which relative paths are meant, if this machine has it."""
        self._make, self._folder = make, folder
        self._bench: Workbench | None = None

    def ready(self) -> None:
        """Answers as soon as there is a place for it."""

    def load(self) -> None:
        """Load model and judge. Raises ScalingarError."""
        if self._bench is None:
            if Path(self._folder).is_dir():
                os.chdir(self._folder)
            self._bench = self._make()

    def prepare(self, recipe: Recipe) -> Prepared:
        """What a plan says about model and machine."""
        assert self._bench is not None
        return self._bench.prepare(recipe)

    def compute(self, plan: RunPlan, task: Task) -> tuple[Shard, list[str]]:
        """A shard, and what was warned of meanwhile."""
        assert self._bench is not None
        self._bench.check_fits(plan, f"the worker on {socket.gethostname()}")
        with warnings.catch_warnings(record=True) as told, torch_threads(plan.threads):
            warnings.simplefilter("default")
            shard = self._bench.compute(plan, task)
        return shard, [" ".join(str(warning.message).split()) for warning in told if _is_for_users(warning.category)]


def _is_for_users(kind: type[Warning]) -> bool:
    return issubclass(kind, UserWarning) and kind.__module__.startswith("scalingar.")


@dataclass
class RayWorkers:
    """``make``: loads model and judge, in each worker. ``cpus``, ``gpus``: that ray keeps free for each.

    A worker that was killed, or whose machine is gone, is replaced, and its shard is done again by the next one that
    has nothing to do. None of them is awaited while others work, so a cluster may shrink and grow.
    """

    make: Callable[[], Workbench]
    workers: int
    cpus: int
    gpus: float = 0.0
    _placed: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """Workers by the references to what they are doing; here those that may still lack a place."""
    _loading: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    _busy: dict[Any, tuple[Any, Task]] = field(default_factory=dict, init=False, repr=False)
    _idle: list[Any] = field(default_factory=list, init=False, repr=False)
    _losses: int = field(default=0, init=False)

    @property
    def alive(self) -> int:
        """Those that have loaded the model."""
        return len(self._idle) + len(self._busy)

    def watched_by(self, watch: Watch | None) -> None:
        """Nothing is heard of a shard on another machine until it is done."""

    def prepare(self, recipe: Recipe) -> Prepared:
        """As :class:`~scalingar.bench.runs.executors.executor.Executor` has it."""
        self._fill()
        while True:
            while not self._idle:
                self._wait(Ahead([], 0))
            try:
                prepared: Prepared = ray.get(self._idle[0].prepare.remote(recipe))
                return prepared
            except RayTaskError as error:
                raise error.cause from None
            except RayError as error:
                self._replace(self._idle.pop(0), error)

    def run(self, plan: RunPlan, tasks: Iterable[Task]) -> Iterator[Shard]:
        """As :class:`~scalingar.bench.runs.executors.executor.Executor` has it."""
        self._fill()
        ahead = Ahead(tasks, 2 * self.workers)  # one for each worker, and one to go on with
        shared = ray.put(plan)
        try:
            while not ahead.over:
                while self._idle and (task := ahead.next()) is not None:
                    worker = self._idle.pop()
                    self._busy[worker.compute.remote(shared, task)] = worker, task
                self._wait(ahead)
                yield from ahead.in_turn()
        finally:
            for worker, _ in self._busy.values():
                ray.kill(worker)
            self._busy.clear()

    def _fill(self) -> None:
        """Have as many workers as there are to be."""
        while self.alive + len(self._placed) + len(self._loading) < self.workers:
            worker: Any = _Actor.options(num_cpus=self.cpus, num_gpus=self.gpus).remote(self.make, str(Path.cwd()))
            self._placed[worker.ready.remote()] = worker

    def _wait(self, ahead: Ahead) -> None:
        """Until a worker has a place, has loaded or has computed; only the place is not awaited for ever.

        Raises:
            ScalingarError: there is no place, loading failed, or workers cannot live.
        """
        pending = [*self._placed, *self._loading, *self._busy]
        ended, _ = ray.wait(pending, timeout=None if self._busy or self._loading else _PATIENCE)
        if not ended:
            raise ConfigError(
                f"the cluster had no room for a worker of {self.cpus} CPUs and {self.gpus:g} GPUs for {_PATIENCE:.0f} "
                "s; ask for fewer, or start more machines."
            )
        (reference,) = ended
        new = self._placed.pop(reference, None)
        worker, task = self._busy.pop(reference, None) or (new or self._loading.pop(reference), None)
        try:
            result = ray.get(reference)
        except RayTaskError as error:
            if task is None:
                raise error.cause from None
            ahead.ended(task, error.cause)
        except RayError as error:
            if task is not None:
                ahead.lost(task)
            self._replace(worker, error)
            return
        else:
            if task is not None:
                shard, told = result
                ahead.ended(task, shard)
                self._losses = 0
                for text in told:
                    warnings.warn(text, WorkerWarning, stacklevel=2)
        if new is None:
            self._idle.append(worker)
        else:
            self._loading[worker.load.remote()] = worker

    def _replace(self, worker: Any, error: RayError) -> None:
        """Raises BenchmarkError if workers are lost again and again."""
        self._losses += 1
        reason = " ".join(str(error).split())[:200]
        if self._losses > _MOST_LOSSES * self.workers:
            raise BenchmarkError(f"{self._losses} workers were lost one after the other; the last: {reason}")
        ray.kill(worker)
        warnings.warn("a worker of ray was lost; another one does its shard.", WorkerWarning, stacklevel=2)
        self._fill()


_Actor: Any = ray.remote(Worker)
