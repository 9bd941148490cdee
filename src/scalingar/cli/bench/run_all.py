"""Running a suite: one pipeline, one judge, a folder per strategy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalingar.bench.benchmark import BENCHMARKS, UNANSWERED, Benchmark
from scalingar.bench.runs.content import separated
from scalingar.bench.runs.executors.executor import Executor
from scalingar.bench.runs.parts.part import Part
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.results import read_results, write_results
from scalingar.bench.runs.runner import Runner
from scalingar.bench.runs.store import RunStore
from scalingar.bench.statistics import Estimate
from scalingar.cli.bench.backends import Crew, Loading, working
from scalingar.cli.bench.follow import follow
from scalingar.cli.progress import loading, looks_with
from scalingar.cli.terminal import counted, say
from scalingar.core.errors import ConfigError
from scalingar.core.files import results_in
from scalingar.core.secrets import all_struck
from scalingar.models.prompts.rewriters import rewritten
from scalingar.pipeline.loading import family_of
from scalingar.pipeline.recipe import Recipe
from scalingar.rewards import eyes
from scalingar.strategies import Strategy
from scalingar.strategies.strategy import check_branches, check_serves


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
    crew: Crew
    part: Part
    all_candidates: bool
    output: Path
    same_judge: bool = False
    """What chooses the images may judge them too."""


def run_all(request: Request) -> None:
    """Every strategy, one after the other, once all are known to fit the model.

    Raises ScalingarError; what was done stays and is taken up again.
    """
    if request.images_per_prompt is not None and request.images_per_prompt < 1:
        raise ConfigError(f"images_per_prompt is {request.images_per_prompt}; it must be at least 1.")
    request.crew.check()
    part = request.part
    output = request.output if part.whole else request.output / part.name
    with results_in(output):
        _run_all(request, output)


def _run_all(request: Request, output: Path) -> None:
    part = request.part
    choice = Recipe.from_dict(request.recipe).model
    if (family := family_of(choice.name)) is not None:  # before the model is fetched and loaded
        for strategy in request.strategies.values():
            check_serves(strategy, family.decodes)
    loader = Loading(choice, request.benchmark, request.settings)
    with working(request.crew, loader) as (executor, benchmark):
        for label, strategy in request.strategies.items():
            check_apart(request, label, strategy, benchmark)
        plans = dict[str, RunPlan]()
        for label, strategy in request.strategies.items():
            asked = looks_with(strategy)
            with loading(asked, visible=asked != ""):
                plans[label] = plan_of(request, label, executor, benchmark)
        for label, plan in plans.items():
            store = RunStore(output / label)
            runner = Runner(executor, benchmark, plan, store, part)
            images = follow(runner, label)
            if not part.whole:
                say(f"{label}: part {part.number} of {part.count}, {counted(images, 'image')} in {store.folder}")
                continue
            results = read_results(store.folder, benchmark)
            write_results(results, store)
            score = results.summary.overall
            reward = runner.plan.recipe.strategy.needs().reward
            by = "" if reward is None else f" by the reward {reward}"
            silent = results.summary.further.get(UNANSWERED, 0)
            without = f" ({counted(round(silent), 'image')} without an answer of the judge left out)" if silent else ""
            say(f"{label}{by}: {results.summary.label} {_shown(score)}{without}, results in {store.folder}")


def _shown(score: Estimate) -> str:
    error = "" if score.standard_error is None else f" ± {score.standard_error:.4f}"
    return f"{score.value:.4f}{error}"


def check_apart(request: Request, label: str, strategy: Strategy, benchmark: Benchmark) -> None:
    """Raises ConfigError if what chooses the images also judges them, unless that is asked for."""
    reward = strategy.needs().reward
    shared = set() if reward is None else eyes(reward) & benchmark.graders
    if shared and not request.same_judge:
        raise ConfigError(
            f"{label} chooses by {reward}, and {', '.join(sorted(shared))} also judges, which flatters what it chose; "
            "take another reward or judge, or allow it with --same-judge."
        )


def check_prompts_fit(plan: RunPlan, benchmark: Benchmark) -> None:
    """What an image would be refused for is said before the first one. Raises ConfigError, PromptError."""
    strategy = plan.recipe.strategy
    assert plan.recipe.guidance_scale is not None
    check_branches(strategy, plan.recipe.guidance_scale)
    if (rewriter := strategy.needs().rewriter) is not None:
        for item in plan.items(list(benchmark.items())):
            rewritten(rewriter, item.prompt)


def plan_of(request: Request, label: str, executor: Executor, benchmark: Benchmark) -> RunPlan:
    """The plan with nothing left to defaults. Raises as :func:`check_apart` and :func:`check_prompts_fit`."""
    prepared = executor.prepare(Recipe.from_dict({**request.recipe, "strategy": request.strategies[label]}))
    check_apart(request, label, prepared.recipe.strategy, benchmark)
    settings, files = separated(request.settings, type(benchmark).settings)
    plan = RunPlan(
        benchmark=request.benchmark,
        benchmark_version=benchmark.version,
        settings=all_struck(settings),
        files=all_struck(files),
        provenance=prepared.provenance,
        recipe=prepared.recipe,
        weights=prepared.weights,
        images_per_prompt=request.images_per_prompt or BENCHMARKS[request.benchmark].images_per_prompt,
        limit=request.limit,
        max_rows=request.max_rows,
        shard=request.shard,
        all_candidates=request.all_candidates,
        threads=request.crew.threads(prepared.recipe.model),
        device_kind=prepared.device_kind,
        versions=prepared.versions,
    )
    check_prompts_fit(plan, benchmark)
    return plan.of(benchmark)
