"""Several shards at once in threads: two workers with one thread each use two cores better than one with two."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scalingar.bench.runs.executors.in_order import in_order
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.shard import Prepared, Shard, Stopped, Task, Watch, Workbench
from scalingar.core.device.threads import torch_threads
from scalingar.pipeline.recipe import Recipe


@dataclass(frozen=True)
class Threads:
    """The weights are shared, the cache is not."""

    bench: Workbench
    workers: int

    @property
    def alive(self) -> int:
        """All of them, always."""
        return self.workers

    def watched_by(self, watch: Watch | None) -> None:
        """As :class:`~scalingar.bench.runs.executors.executor.Executor` has it."""
        self.bench.watch = watch

    def prepare(self, recipe: Recipe) -> Prepared:
        """As :class:`~scalingar.bench.runs.executors.executor.Executor` has it."""
        return self.bench.prepare(recipe)

    def run(self, plan: RunPlan, tasks: Iterable[Task]) -> Iterator[Shard]:
        """As :class:`~scalingar.bench.runs.executors.executor.Executor` has it."""

        def work(task: Task, stopped: Stopped) -> Shard:
            return self.bench.compute(plan, task, stopped)

        with torch_threads(plan.threads):
            yield from in_order(work, tasks, workers=self.workers, threads=plan.threads)
