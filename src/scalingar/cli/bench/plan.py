"""``scalingar bench plan``: what a run would do, and what it would take, before anything is started."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalingar.cli.comparison_options import MOST_IMAGES, STRATEGIES, Strategies, Suite, Trajectories
from scalingar.cli.model_options import split_model, takes_model

if TYPE_CHECKING:
    from rich.table import Table

    from scalingar.bench.runs.estimate import Load
    from scalingar.models.shape import Shape
    from scalingar.pipeline.model_choice import ModelChoice
    from scalingar.strategies import Strategy

_GB, _MB = 1e9, 1e6


@takes_model()
def plan(
    benchmark: Annotated[str, typer.Argument(help="See [b]scalingar bench ls[/].")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="As of [b]bench run[/].")
    ] = None,
    strategy: Strategies = None,
    suite: Suite = None,
    num_trajectories: Trajectories = None,
    images_per_prompt: Annotated[
        int | None, typer.Option(min=1, max=MOST_IMAGES, help="The benchmark's own number if not given.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Prompts per task.")] = None,
    max_rows: Annotated[int, typer.Option(min=1, help="Trajectories of a shard alive at once.")] = 64,
    shard: Annotated[int, typer.Option(min=1, help="Images computed together.")] = 64,
    workers: Annotated[int, typer.Option(min=1, help="Shards under way at once, on all machines.")] = 1,
    guidance_scale: Annotated[
        float, typer.Option(min=0.0, help="Above 1 an unconditional branch is computed too.")
    ] = 7.5,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Also tokens and memory, from the model's sizes.")
    ] = False,
    step_ms: Annotated[
        float | None,
        typer.Option(help="Measured milliseconds of a step of all rows; gives hours. See docs/many-machines.md."),
    ] = None,
    *,
    model: dict[str, Any],
) -> None:
    """Say how many images and shards a run has, and with --estimate what it will take. Nothing is loaded or drawn.

    [b]scalingar bench plan geneval --estimate --model FoundationVision/LlamaGen:t2i-xl-256 --dtype bf16[/]
    """
    from scalingar.bench.benchmark import BENCHMARKS  # noqa: PLC0415
    from scalingar.bench.build_benchmark import build_benchmark  # noqa: PLC0415
    from scalingar.bench.runs.estimate import Load  # noqa: PLC0415
    from scalingar.bench.runs.suite import check_alone, named, read_suite  # noqa: PLC0415
    from scalingar.cli.bench.settings import settings_of  # noqa: PLC0415
    from scalingar.cli.terminal import console, counted, say  # noqa: PLC0415
    from scalingar.core.errors import ConfigError  # noqa: PLC0415
    from scalingar.pipeline.model_choice import ModelChoice  # noqa: PLC0415
    from scalingar.pipeline.recipe import default_strategy  # noqa: PLC0415

    if step_ms is not None and not (estimate and 0 < step_ms < float("inf")):
        raise ConfigError(f"--step-ms {step_ms}: a number of milliseconds above 0, beside --estimate.")
    of_model, settings = split_model(settings or [])
    choice = ModelChoice.from_dict({**model, **of_model})
    if suite is None:
        names = f"{STRATEGIES},{default_strategy(choice)}" if strategy is None else strategy
        strategies = named(names, {"num_trajectories": num_trajectories}, {"reward": "confidence"})
    else:
        check_alone(suite, strategy=strategy, num_trajectories=num_trajectories)
        strategies = read_suite(suite)
    items = build_benchmark(benchmark, settings_of(benchmark, settings, embedded=False)).items()
    count = images_per_prompt or BENCHMARKS[benchmark].images_per_prompt
    prompts = _limited([item.task for item in items], limit)
    load = Load(prompts * count, shard, max_rows, workers)
    say(
        f"{benchmark}: {counted(prompts, 'prompt')} of {counted(count, 'image')}: {counted(load.images, 'image')} in "
        f"{counted(load.shards, 'shard')} for each "
        f"strategy, {workers} at once"
    )
    if estimate:
        told = _Told(choice, _shape_of(choice), load, guidance_scale, step_ms)
        say(told.model())
        console(highlight=False).print(told.table(strategies))


def _limited(tasks: Sequence[str], limit: int | None) -> int:
    """Prompts of a run with at most ``limit`` of each task."""
    return sum(min(tasks.count(task), limit or len(tasks)) for task in dict.fromkeys(tasks))


def _shape_of(choice: "ModelChoice") -> "Shape":
    """The sizes of a model, without its weights. Raises ScalingarError: they are not known."""
    from scalingar.pipeline.loading.shapes import shape_of  # noqa: PLC0415

    return shape_of(choice.for_loading())


@dataclass(frozen=True)
class _Told:
    """The lines and the table of an estimate."""

    choice: "ModelChoice"
    shape: "Shape"
    load: "Load"
    guidance_scale: float
    step_ms: float | None

    def model(self) -> str:
        """Its sizes, in one line."""
        weights = _memory(self.shape.parameters * self.choice.dtype.itemsize, digits=1)
        branches = 2 if self.guidance_scale > 1 else 1
        cache = _memory(self.shape.cache_bytes(self.choice.dtype, branches=branches), digits=2)
        return (
            f"{self.choice.name}: {self.shape.tokens} tokens in {self.shape.steps} steps a trajectory; weights "
            f"{weights}, cache {cache} a trajectory; text encoder, decoded pictures and judge come on top"
        )

    def table(self, strategies: "Mapping[str, Strategy]") -> "Table":
        """A row per strategy; at most, because what is cut is not known."""
        from rich.table import Table  # noqa: PLC0415

        from scalingar.bench.runs.estimate import estimate  # noqa: PLC0415

        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("strategy", "trajectories", "tokens", "rows", "GB a worker", "worker hours", "hours"):
            table.add_column(name, justify="left" if name.startswith("s") else "right")
        weights = self.shape.parameters * self.choice.dtype.itemsize
        for label, strategy in strategies.items():
            one = estimate(strategy, self.shape, self.load, dtype=self.choice.dtype, guidance_scale=self.guidance_scale)
            hours = ("–", "–")
            if self.step_ms is not None:
                hours = _hours(one.worker_hours(self.step_ms)), _hours(one.hours(self.step_ms, self.load))
            memory = f"{(weights + one.cache) / _GB:.1f}"
            table.add_row(label, f"{one.trajectories}", f"{one.tokens / 1e6:.1f} M", f"{one.rows}", memory, *hours)
        return table


def _memory(size: int, *, digits: int) -> str:
    return f"{size / _GB:.{digits}f} GB" if size >= _GB / 10**digits else f"{size / _MB:.1f} MB"


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours >= 10 else f"{hours:.2g}"
