"""What the runner needs of those who compute."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.shard import Prepared, Shard, Task, Watch
from scalingar.pipeline.recipe import Recipe


class Executor(Protocol):
    """Computes shards; no byte of them depends on which one does."""

    @property
    def workers(self) -> int:
        """Shards under way at once, once all workers are there."""
        ...

    @property
    def alive(self) -> int:
        """Workers that are there now."""
        ...

    def watched_by(self, watch: Watch | None) -> None:
        """Tell, while shards are computed, how far those of this machine are; None: nobody any more."""
        ...

    def prepare(self, recipe: Recipe) -> Prepared:
        """What a plan says about model and machines. Raises ConfigError, WeightsError."""
        ...

    def run(self, plan: RunPlan, tasks: Iterable[Task]) -> Iterator[Shard]:
        """The shards in the order of ``tasks``, computed with ``plan.threads`` threads of torch each.

        Only a few are computed ahead of the one that is handed over. The error of a task comes in its turn, after all
        shards before it; then, and when the iterator is closed, the others are given up.
        """
        ...
