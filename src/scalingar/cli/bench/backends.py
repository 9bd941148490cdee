"""Who computes the shards of ``bench run``: this process, its threads, or workers of ray."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from scalingar.bench.benchmark import Benchmark
from scalingar.bench.build_benchmark import build_benchmark
from scalingar.bench.runs.executors.executor import Executor
from scalingar.bench.runs.executors.in_process import InProcess
from scalingar.bench.runs.executors.threads import Threads
from scalingar.bench.runs.shard import Workbench
from scalingar.cli.progress import loading
from scalingar.core.errors import ConfigError
from scalingar.core.packages import require
from scalingar.core.registry import suggestion
from scalingar.core.validation import shown
from scalingar.pipeline.model_choice import ModelChoice
from scalingar.pipeline.pipeline import ImagePipeline

IN_PROCESS, THREADS, RAY = "in-process", "threads", "ray"
BACKENDS = (IN_PROCESS, THREADS, RAY)
_ON_CPU, _ON_DEVICE = 2, 1
"""Workers of a machine, if nothing else is said."""


@dataclass(frozen=True)
class Crew:
    """``workers``: how many; None: 2 on a CPU, 1 on a device, and as many as a cluster has room for.

    The others are for ray alone: where the cluster is, and what each worker gets of a machine.
    """

    backend: str = THREADS
    workers: int | None = None
    address: str | None = None
    cpus_per_worker: int | None = None
    gpus_per_worker: float | None = None

    def check(self) -> None:
        """Raises ConfigError: no such backend, or options that are none of its."""
        if self.backend not in BACKENDS:
            raise ConfigError(
                f"--backend {shown(self.backend)}: must be one of {', '.join(BACKENDS)}"
                f"{suggestion(self.backend, list(BACKENDS))}"
            )
        rays = {"address": self.address, "cpus-per-worker": self.cpus_per_worker}
        rays["gpus-per-worker"] = None if self.gpus_per_worker is None else str(self.gpus_per_worker)
        if self.backend == RAY:
            require("--backend ray", "ray")
        elif given := [f"--{name}" for name, value in rays.items() if value is not None]:
            raise ConfigError(f"{given[0]} is for --backend ray; the backend is {self.backend}.")
        if self.backend == IN_PROCESS and self.workers not in (None, 1):
            raise ConfigError(f"--backend {IN_PROCESS} has one worker, not {self.workers}; take {THREADS} or {RAY}.")

    def local_workers(self, choice: ModelChoice) -> int:
        """How many work on this machine."""
        if self.backend == IN_PROCESS:
            return 1
        if self.backend == RAY and not choice.on_cpu:
            return self.workers or max(1, int(torch.cuda.device_count() / (self.gpus(choice) or 1)))
        return self.workers or (_ON_CPU if choice.on_cpu else _ON_DEVICE)

    def gpus(self, choice: ModelChoice) -> float:
        """Of a worker of ray."""
        return self.gpus_per_worker if self.gpus_per_worker is not None else (0.0 if choice.on_cpu else 1.0)

    def threads(self, choice: ModelChoice) -> int:
        """Of torch, for each worker: a share of this process's, or the CPUs that a worker of ray gets."""
        if self.cpus_per_worker is not None:
            return self.cpus_per_worker
        return 1 if self.address is not None else max(1, torch.get_num_threads() // self.local_workers(choice))


@dataclass(frozen=True)
class Loading:
    """What makes a workbench, in this process or in another one."""

    choice: ModelChoice
    benchmark: str
    settings: Mapping[str, Any]

    def __call__(self) -> Workbench:
        """Load judge and model. Raises ScalingarError."""
        self.choice.check_device()
        benchmark = build_benchmark(self.benchmark, self.settings, device=self.choice.device)
        with loading(f"the judge of {self.benchmark}"):
            benchmark.prepare()
        with loading(self.choice.name):
            return Workbench(ImagePipeline.load(self.choice), benchmark)


@contextmanager
def working(crew: Crew, loading: Loading) -> Iterator[tuple[Executor, Benchmark]]:
    """Those who compute, with what they need, and the benchmark as the one who writes reads it.

    Raises:
        ScalingarError: something cannot be loaded, or a cluster cannot be reached.
    """
    if crew.backend == RAY:
        with _of_ray(crew, loading) as executor:
            # Nothing is judged here.
            yield executor, build_benchmark(loading.benchmark, loading.settings, device="cpu")
        return
    bench = loading()
    if crew.backend == IN_PROCESS:
        yield InProcess(bench), bench.benchmark
    else:
        yield Threads(bench, crew.local_workers(loading.choice)), bench.benchmark


@contextmanager
def _of_ray(crew: Crew, loading: Loading) -> Iterator[Executor]:
    from scalingar.bench.runs.executors.ray_cluster import cluster, room  # noqa: PLC0415
    from scalingar.bench.runs.executors.ray_workers import RayWorkers  # noqa: PLC0415

    choice = loading.choice
    cpus = crew.threads(choice)
    local, gpus = crew.local_workers(choice), crew.gpus(choice)
    if crew.address is None and gpus * local > torch.cuda.device_count():
        raise ConfigError(
            f"{local} workers of {gpus:g} GPUs need more than this machine has ({torch.cuda.device_count()}); ask for "
            "fewer, or name a cluster with --address."
        )
    with cluster(crew.address, cpus=local * cpus):
        workers = crew.workers or (local if crew.address is None else room(cpus, gpus))
        yield RayWorkers(loading, workers, cpus, gpus)
