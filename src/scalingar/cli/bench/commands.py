"""``scalingar bench``: run benchmarks, and read what runs left behind."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scalingar.cli.bench.plan import plan
from scalingar.cli.bench.settings import settings_of
from scalingar.cli.comparison_options import MOST_IMAGES, PANEL, STRATEGIES, Strategies, Suite, Trajectories
from scalingar.cli.model_options import split_model, split_section, takes_model
from scalingar.cli.terminal import counted, say

if TYPE_CHECKING:
    from scalingar.core.registry import Registry

bench = typer.Typer(
    no_args_is_help=True, help="Measure strategies against each other.", rich_markup_mode="rich", add_completion=False
)

_HOW, _WHERE = "How much", "Where and how to run"


@bench.command("ls")
def list_benchmarks() -> None:
    """List benchmarks, and who can judge their images."""
    from scalingar.bench import BENCHMARKS  # noqa: PLC0415
    from scalingar.bench.judges.detectors import COLOR_CLASSIFIERS, DETECTORS  # noqa: PLC0415
    from scalingar.bench.judges.questions import JUDGES  # noqa: PLC0415
    from scalingar.cli.listing import registry_table  # noqa: PLC0415
    from scalingar.cli.terminal import console as made  # noqa: PLC0415

    console = made()
    tables: "dict[str, Registry[Any]]" = {
        "benchmarks, for bench run": BENCHMARKS,
        "detectors, for detector=": DETECTORS,
        "classifiers of colours, for colors=": COLOR_CLASSIFIERS,
        "judges that answer questions, for judge=": JUDGES,
    }
    for number, (title, registry) in enumerate(tables.items()):
        if number:
            console.print()
        console.print(registry_table(title, registry))


bench.command()(plan)


@bench.command()
@takes_model()
def run(
    benchmark: Annotated[str, typer.Argument(help="See [b]scalingar bench ls[/].")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Of the benchmark: detector=embedded; the file of prompts; or model. and sampling.key=value.",
        ),
    ] = None,
    strategy: Strategies = None,
    suite: Suite = None,
    num_trajectories: Trajectories = None,
    reward: Annotated[str | None, typer.Option(help="For the strategies that ask one.", rich_help_panel=PANEL)] = None,
    verifier: Annotated[
        str | None, typer.Option(help="For the strategies that use one: its folder.", rich_help_panel=PANEL)
    ] = None,
    images_per_prompt: Annotated[
        int | None,
        typer.Option(max=MOST_IMAGES, help="The benchmark's own number if not given.", rich_help_panel=_HOW),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Prompts per task.", rich_help_panel=_HOW)] = None,
    all_candidates: Annotated[
        bool, typer.Option("--all-candidates", help="Judge every finished trajectory.", rich_help_panel=_HOW)
    ] = False,
    same_judge: Annotated[
        bool,
        typer.Option("--same-judge", help="Let what chooses the images judge them too.", rich_help_panel=_HOW),
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, help="Keys the noise, with prompt and image number.", rich_help_panel=_HOW)
    ] = 0,
    noise: Annotated[str | None, typer.Option(help="Made on the 'host' or the 'device'.", rich_help_panel=_HOW)] = None,
    guidance_scale: Annotated[float | None, typer.Option(help="s_base.", rich_help_panel=_HOW)] = None,
    looks_per_batch: Annotated[
        int | None,
        typer.Option(help="Pictures decoded together; 1 on the CPU, else 8 if not given.", rich_help_panel=_WHERE),
    ] = None,
    max_rows: Annotated[
        int, typer.Option(min=1, help="Trajectories of a shard alive at once.", rich_help_panel=_WHERE)
    ] = 64,
    shard: Annotated[
        int, typer.Option(min=1, help="Images computed together; a kill loses at most these.", rich_help_panel=_WHERE)
    ] = 64,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Shards under way at once, sharing torch's threads; 2 on a CPU if not given.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="in-process, threads, or ray for many machines.", rich_help_panel=_WHERE)
    ] = "threads",
    address: Annotated[
        str | None,
        typer.Option(help="Of a running cluster of ray; one of this machine if not given.", rich_help_panel=_WHERE),
    ] = None,
    gpus_per_worker: Annotated[
        float | None, typer.Option(min=0.0, help="With ray; 1 on a GPU if not given.", rich_help_panel=_WHERE)
    ] = None,
    cpus_per_worker: Annotated[
        int | None, typer.Option(min=1, help="With ray, and its threads of torch.", rich_help_panel=_WHERE)
    ] = None,
    part: Annotated[
        str,
        typer.Option(
            help="i/n: draw part i of n, for [b]bench merge[/]; env: from RANK and WORLD_SIZE.", rich_help_panel=_WHERE
        ),
    ] = "1/1",
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder; each strategy gets one in it.", rich_help_panel=_WHERE)
    ] = Path("runs"),
    *,
    model: dict[str, Any],
) -> None:
    """Make and judge all images of a benchmark; a stopped run is resumed.

    [b]scalingar bench run geneval --strategy single,scaling-ar --images-per-prompt 1 --limit 10 -o runs/try[/]
    """
    from scalingar.bench.runs.parts.part import Part  # noqa: PLC0415
    from scalingar.bench.runs.suite import check_alone, named, read_suite  # noqa: PLC0415
    from scalingar.cli.bench.backends import Crew  # noqa: PLC0415
    from scalingar.cli.bench.run_all import Request, run_all  # noqa: PLC0415
    from scalingar.pipeline.loading import EMBEDDED  # noqa: PLC0415
    from scalingar.pipeline.model_choice import ModelChoice  # noqa: PLC0415
    from scalingar.pipeline.recipe import default_strategy  # noqa: PLC0415

    model_settings, settings = split_model(settings or [])
    sampling, settings = split_section(settings, "sampling")
    section = {**model, **model_settings}
    choice = ModelChoice.from_dict(section)
    embedded = choice.name in EMBEDDED
    if suite is None:
        names = f"{STRATEGIES},{default_strategy(choice)}" if strategy is None else strategy
        given = {"num_trajectories": num_trajectories, "reward": reward, "verifier": verifier}
        strategies = named(names, given, {"reward": "embedded" if embedded else None})
    else:
        check_alone(suite, strategy=strategy, num_trajectories=num_trajectories, reward=reward, verifier=verifier)
        strategies = read_suite(suite)
    run_all(
        Request(
            benchmark=benchmark,
            settings=settings_of(benchmark, settings, embedded=embedded),
            strategies=strategies,
            recipe={
                "model": section,
                "seed": seed,
                "noise": noise,
                "guidance_scale": guidance_scale,
                "sampling": sampling or None,
                "looks_per_batch": looks_per_batch,
            },
            images_per_prompt=images_per_prompt,
            limit=limit,
            max_rows=max_rows,
            shard=shard,
            crew=Crew(backend, workers, address, cpus_per_worker, gpus_per_worker),
            part=Part.read(part, os.environ),
            all_candidates=all_candidates,
            output=output,
            same_judge=same_judge,
        )
    )


@bench.command("merge")
def merge_runs(
    folders: Annotated[list[Path], typer.Argument(help="What [b]bench run --part[/] wrote: all parts.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder; each strategy gets one in it.")],
) -> None:
    """Put the parts of runs together, every shard from exactly one of them.

    [b]scalingar bench merge runs/first/part-* -o runs/whole[/]
    """
    from scalingar.bench.runs.opened import run_folders  # noqa: PLC0415
    from scalingar.cli.bench.merge_parts import merge_parts  # noqa: PLC0415

    merge_parts(run_folders(folders), output)


@bench.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="Runs, or a folder of runs.")],
    baseline: Annotated[str | None, typer.Option(help="Run the others are compared with.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the table and quality.png here.")] = None,
    form: Annotated[str, typer.Option("--format", help="markdown, csv, latex or json.")] = "markdown",
    published: Annotated[bool, typer.Option("--published", help="Add rows copied from papers, and say so.")] = False,
) -> None:
    """Compare runs: scores with standard errors, paired differences with intervals, tokens and seconds."""
    from scalingar.bench.runs.opened import opened, run_folders  # noqa: PLC0415
    from scalingar.cli.bench.tell_report import tell_report  # noqa: PLC0415

    tell_report([opened(folder) for folder in run_folders(folders)], baseline, output, form, published)


@bench.command()
def drop(
    ordinary: Annotated[Path, typer.Argument(help="Runs on ordinary prompts, such as GenEval's.")],
    hard: Annotated[Path, typer.Argument(help="Runs of the same strategies on hard prompts, such as IPV-Txt's.")],
    baseline: Annotated[str | None, typer.Option(help="Run whose drop the others' are compared with.")] = None,
) -> None:
    """How much of its score each strategy loses from ordinary prompts to hard ones, with intervals."""
    from scalingar.bench.robustness import drop_table, robustness  # noqa: PLC0415
    from scalingar.bench.runs.opened import opened, run_folders  # noqa: PLC0415

    easy, difficult = ([opened(run) for run in run_folders([folder])] for folder in (ordinary, hard))
    print(f"ordinary: {easy[0].summary.label}\nhard: {difficult[0].summary.label}\n")
    print(drop_table(robustness(easy, difficult, baseline)), end="")


@bench.command()
def pictures(
    folders: Annotated[list[Path], typer.Argument(help="Two or more runs; the first and the last choose the images.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="PNG to write.")] = Path("pictures.png"),
) -> None:
    """Show the same prompts in several runs, where the first and the last differ in who is right."""
    from scalingar.bench.runs.opened import benchmark_of, opened  # noqa: PLC0415
    from scalingar.bench.runs.side_by_side import pictures as drawn  # noqa: PLC0415
    from scalingar.core.errors import ConfigError  # noqa: PLC0415
    from scalingar.core.files import check_writable, free_file, write_file  # noqa: PLC0415
    from scalingar.core.pixels import png_bytes  # noqa: PLC0415

    if output.suffix.lower() != ".png":
        raise ConfigError(f"--output {output}: pictures are written as PNG; give a name that ends in .png.")
    sheet = drawn([opened(folder) for folder in folders], graded=benchmark_of(folders[0]).graded)
    check_writable(output.parent)
    content = png_bytes(sheet, f"scalingar: the same prompts in {', '.join(map(str, folders))}")
    output = free_file(output, content)
    write_file(output, content)
    say(f"wrote {output}", to_stderr=True)


@bench.command()
def validate(folders: Annotated[list[Path], typer.Argument(help="Runs, or a folder of runs.")]) -> None:
    """Check that runs are complete, and that their images are those they were judged by."""
    from scalingar.bench.runs.opened import benchmark_of, run_folders  # noqa: PLC0415
    from scalingar.bench.runs.validate import check_run  # noqa: PLC0415

    for folder in run_folders(folders):
        images = check_run(folder, benchmark_of(folder))
        say(f"{folder}: {counted(images, 'image')}, complete and unchanged")


@bench.command()
def score(
    benchmark: Annotated[str, typer.Argument(help="See [b]scalingar bench ls[/].")],
    folder: Annotated[Path, typer.Argument(help="Images in the benchmark's official layout.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Of the benchmark, such as detector=embedded.")
    ] = None,
    images_per_prompt: Annotated[
        int | None, typer.Option(max=MOST_IMAGES, help="The benchmark's own number if not given.")
    ] = None,
    device: Annotated[str, typer.Option(help="Of the judge.")] = "cpu",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write official result lines here.")] = None,
) -> None:
    """Judge images made elsewhere."""
    from scalingar.cli.bench.score_folder import score_folder  # noqa: PLC0415

    score_folder(
        benchmark, folder, settings_of(benchmark, settings or [], embedded=False), images_per_prompt, device, output
    )
