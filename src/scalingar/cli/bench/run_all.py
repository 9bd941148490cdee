"""Running a suite: one pipeline, one judge, a folder per strategy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scalingar.bench.benchmark import BENCHMARKS, UNANSWERED, Benchmark
from scalingar.bench.build_benchmark import build_benchmark
from scalingar.bench.runs.content import separated
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.results import read_results, write_results
from scalingar.bench.runs.runner import Runner
from scalingar.bench.runs.store import RunStore
from scalingar.cli.progress import plain_warnings
from scalingar.cli.terminal import console, say
from scalingar.core.errors import ConfigError
from scalingar.core.files import check_writable
from scalingar.core.secrets import all_struck
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies import Strategy


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    benchmark: str
    settings: Mapping[str, Any]
    strategies: Mapping[str, Strategy]
    recipe: Mapping[str, Any]
    images_per_prompt: int | None
    limit: int | None
    max_rows: int
    shard: int
    workers: int
    all_candidates: bool
    output: Path


def run_all(request: Request) -> None:
    """Every strategy, one after the other. Raises ScalingarError; what was done stays and is taken up again."""
    if request.images_per_prompt is not None and request.images_per_prompt < 1:
        raise ConfigError(f"images_per_prompt is {request.images_per_prompt}; it must be at least 1.")
    check_writable(request.output)
    with plain_warnings():
        choice = Recipe.from_dict(request.recipe).model
        benchmark = build_benchmark(request.benchmark, request.settings, device=choice.device)
        pipe = ImagePipeline.load(choice)
        for label, strategy in request.strategies.items():
            store = RunStore(request.output / label)
            runner = Runner(pipe, benchmark, plan_of(request, strategy, pipe, benchmark), store, request.workers)
            follow(runner, label)
            results = read_results(store.folder, benchmark)
            write_results(results, store)
            score = results.summary.overall
            reward = runner.plan.recipe.strategy.needs().reward
            by = "" if reward is None else f" by the reward {reward}"
            silent = results.summary.further.get(UNANSWERED, 0)
            without = f" ({silent:.0f} images without an answer of the judge left out)" if silent else ""
            say(f"{label}{by}: {results.summary.label} {score.value:.4f}{without}, results in {store.folder}")


def plan_of(request: Request, strategy: Strategy, pipe: ImagePipeline, benchmark: Benchmark) -> RunPlan:
    """The plan with nothing left to defaults."""
    wanted = Recipe.from_dict({**request.recipe, "strategy": strategy}).resolved(pipe)
    if (reward := wanted.strategy.needs().reward) is not None:
        pipe.reward(reward)  # now, so that the plan says at which commit it is read
    recipe = wanted.model_copy(update={"model": pipe.choice_as_read})
    settings, files = separated(request.settings, type(benchmark).settings)
    plan = RunPlan(
        benchmark=request.benchmark,
        benchmark_version=benchmark.version,
        settings=all_struck(settings),
        files=all_struck(files),
        provenance=dict(benchmark.provenance),
        recipe=recipe,
        weights=pipe.hashes,
        images_per_prompt=request.images_per_prompt or BENCHMARKS[request.benchmark].images_per_prompt,
        limit=request.limit,
        max_rows=request.max_rows,
        shard=request.shard,
        all_candidates=request.all_candidates,
        threads=max(1, torch.get_num_threads() // request.workers),
        versions=RunPlan.versions_here(),
    )
    return plan.of(benchmark)


def follow(runner: Runner, label: str) -> None:
    """Run, with a bar on stderr."""
    screen = console(stderr=True)
    columns = (TextColumn(label, markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=None)
        for done in runner.run():
            bar.update(task, completed=done.images, total=done.total)
