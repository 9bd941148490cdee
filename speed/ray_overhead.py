"""Two workers of ray on this machine against two threads, on the embedded model: ``python -m speed.ray_overhead``.

Prints the seconds of the same GenEval shards in both, with model and cluster loaded beforehand, their quotient, which
should be 1.15 at most, and beside it what starting the cluster and its workers costs once.
"""

import argparse
import statistics
import time

from scalingar.bench.build_benchmark import build_benchmark
from scalingar.bench.runs.executors.executor import Executor
from scalingar.bench.runs.executors.ray_cluster import cluster
from scalingar.bench.runs.executors.ray_workers import RayWorkers
from scalingar.bench.runs.executors.threads import Threads
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.shard import Task
from scalingar.cli.bench.backends import Loading
from scalingar.pipeline.model_choice import ModelChoice
from scalingar.pipeline.recipe import Recipe
from speed.machine import describe

WORKERS = 2
GOAL = 1.15
SETTINGS = {"detector": "embedded", "colors": "detector"}


def planned(executor: Executor, strategy: str, shard: int, limit: int) -> tuple[RunPlan, list[Task]]:
    """A plan on the embedded model, and its shards."""
    benchmark = build_benchmark("geneval", SETTINGS)
    prepared = executor.prepare(Recipe.from_dict({"strategy": strategy, "model": "embedded"}))
    plan = RunPlan(
        benchmark="geneval",
        benchmark_version=benchmark.version,
        settings=SETTINGS,
        provenance=dict(benchmark.provenance),
        recipe=prepared.recipe,
        weights=prepared.weights,
        images_per_prompt=1,
        limit=limit,
        max_rows=64,
        shard=shard,
        all_candidates=False,
        threads=1,
        device_kind=prepared.device_kind,
        versions=prepared.versions,
    )
    shards = plan.shards(plan.jobs(list(benchmark.items())))
    return plan, [Task(number, jobs) for number, jobs in enumerate(shards)]


def seconds_of(executor: Executor, plan: RunPlan, tasks: list[Task]) -> float:
    """All shards, handed over and thrown away."""
    started = time.perf_counter()
    for _ in executor.run(plan, tasks):
        pass
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategy", default="single")
    parser.add_argument("--limit", type=int, default=10, help="prompts of each task")
    parser.add_argument("--shard", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print(describe())
    loading = Loading(ModelChoice(), "geneval", SETTINGS)
    started = time.perf_counter()
    with cluster(None, cpus=WORKERS):
        executors: dict[str, Executor] = {
            "ray": RayWorkers(loading, WORKERS, 1),
            "threads": Threads(loading(), WORKERS),
        }
        plans = {name: planned(one, args.strategy, args.shard, args.limit) for name, one in executors.items()}
        for name, one in executors.items():
            seconds_of(one, plans[name][0], plans[name][1][: 2 * WORKERS])  # first calls pay for initialisation
        print(f"cluster, workers and first shards: {time.perf_counter() - started:.1f} s")
        taken: dict[str, list[float]] = {name: [] for name in executors}
        for _ in range(args.repeats):  # in turn, so that both see the same machine
            for name, one in executors.items():
                taken[name].append(seconds_of(one, *plans[name]))
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    for name, seconds in medians.items():
        print(f"{name:8s} {seconds:7.2f} s")
    print(f"ray takes {medians['ray'] / medians['threads']:.2f} x the seconds of threads; the goal is {GOAL} x at most")


if __name__ == "__main__":
    main()
