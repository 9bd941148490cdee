"""Has the shards of a plan computed, and writes them in order, so that a killed run loses only what was under way."""

from collections.abc import Iterator
from dataclasses import dataclass

from scalingar.bench.benchmark import Benchmark
from scalingar.bench.runs.executors.executor import Executor
from scalingar.bench.runs.parts.part import WHOLE, Part
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.shard import Task
from scalingar.bench.runs.store import RunStore


@dataclass(frozen=True)
class ShardDone:
    """Progress: ``images`` of ``total`` are complete; ``tokens`` were drawn by now, of ``full_tokens`` without cuts."""

    images: int
    total: int
    tokens: int = 0
    full_tokens: int = 0
    shard: int | None = None
    """Which one was completed just now."""


def under_way(place: int, shards: int, workers: int) -> int:
    """Workers that are busy while the shard at ``place`` of so many is computed, if all of them take equally long.

    The last shards may be fewer than the workers, and one may be alone.
    """
    return min(workers, shards - place // workers * workers)


@dataclass
class Runner:
    """One plan with all it needs; no byte depends on the executor. ``part``: of the shards that are this run's."""

    executor: Executor
    benchmark: Benchmark
    plan: RunPlan
    store: RunStore
    part: Part = WHOLE

    def run(self) -> Iterator[ShardDone]:
        """Compute the remaining shards; finished ones are kept. Raises BenchmarkError, DecodingError, OutputError."""
        plan = self.plan.of(self.benchmark)
        shards = plan.shards(plan.jobs(list(self.benchmark.items())))
        mine = self.part.of(len(shards))
        with self.store.writing(plan, shards, mine) as folder:
            left = [Task(number, shards[number]) for number in mine if not folder.done(number)]
            total = sum(len(shards[number]) for number in mine)
            done = total - sum(len(task.jobs) for task in left)
            tokens = full_tokens = 0
            yield ShardDone(done, total)
            for place, shard in enumerate(self.executor.run(self.plan, left)):
                images = len(shard.lines)
                workers = under_way(place, len(left), self.executor.workers)
                cost = {"shard": shard.number, "images": images, "workers": workers, **shard.costs}
                folder.add(shard.number, shard.lines, cost, shard.files)
                done += images
                tokens += sum(line["tokens"] for line in shard.lines)
                full_tokens += shard.full_tokens
                yield ShardDone(done, total, tokens, full_tokens, shard.number)
