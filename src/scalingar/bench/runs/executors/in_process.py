"""One shard after the other, in the thread that asks for them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.shard import Prepared, Shard, Task, Watch, Workbench
from scalingar.core.device.threads import torch_threads
from scalingar.pipeline.recipe import Recipe


@dataclass(frozen=True)
class InProcess:
    """Computes nothing ahead."""

    bench: Workbench
    workers: int = 1

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
        for task in tasks:
            with torch_threads(plan.threads):
                shard = self.bench.compute(plan, task)
            yield shard
