"""``scalingar study``: show the pictures of runs to people, and say what they think."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from scalingar.cli.terminal import counted, say
from scalingar.core.packages import require

study = typer.Typer(
    no_args_is_help=True,
    help="Ask people which run's pictures are better.",
    rich_markup_mode="rich",
    add_completion=False,
)

_START = "scalingar.serve.study.start"
"""The server is a room beside this one: neither imports the other, and this name is all that one knows of it."""


@study.command()
def build(
    runs: Annotated[list[Path], typer.Argument(help="Two or more runs of the same prompts, or a folder of runs.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the study, new or empty.")] = Path("study"),
    limit: Annotated[int | None, typer.Option(min=1, help="Prompts of each task, at random; all if not given.")] = None,
    per_participant: Annotated[int, typer.Option(min=1, help="Questions that one participant is asked.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Keys prompts, sides and orders.")] = 0,
) -> None:
    """Make a study of runs: pictures without names, in pairs and alone.

    [b]scalingar study build runs/single runs/best-of-n --limit 20 -o study[/]
    """
    from scalingar.bench.runs.opened import opened, run_folders  # noqa: PLC0415
    from scalingar.bench.study.build import build_study  # noqa: PLC0415
    from scalingar.bench.study.study import Pair  # noqa: PLC0415

    results = [opened(folder) for folder in run_folders(runs)]
    made = build_study(results, output, seed=seed, limit=limit, per_participant=per_participant)
    pairs = sum(isinstance(question, Pair) for question in made.questions)
    say(
        f"{counted(made.prompts, 'prompt')} of {counted(len(made.runs), 'run')}: "
        f"{counted(len(made.questions) - pairs, 'picture')} to rate, {counted(pairs, 'pair')}, "
        f"{sum(made.identical.values())} of the same picture left out; {counted(made.per_participant, 'question')} for "
        "each participant"
    )
    say(f"wrote {output}; ask people with: scalingar study serve {output}")


@study.command()
def serve(
    folder: Annotated[Path, typer.Argument(help="A study.")],
    host: Annotated[str, typer.Option(help="Address; 0.0.0.0 is for other machines, too.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    api_key_file: Annotated[
        Path | None, typer.Option(help="Key that participants must bring; or SCALINGAR_API_KEY.")
    ] = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Ask other machines without a key.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Say where it would listen, and stop.")] = False,
) -> None:
    """Show a study as a web page, and keep the answers in it."""
    require("the page of a study", "serve")
    import_module(_START).serve(folder, host, port, api_key_file, no_auth=no_auth, check=check)


@study.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A study that people have answered.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write report.md, report.json and answers.csv here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Mean opinion scores, win rates and strengths with intervals, and how much people agree."""
    import json  # noqa: PLC0415

    from scalingar.bench.study.answers import read_answers  # noqa: PLC0415
    from scalingar.bench.study.report import markdown, report_files  # noqa: PLC0415
    from scalingar.bench.study.report import report as evaluated  # noqa: PLC0415
    from scalingar.bench.study.study import Study  # noqa: PLC0415
    from scalingar.core.files import write_beside  # noqa: PLC0415

    made = Study.read(folder)
    answers = read_answers(folder, made)
    told = evaluated(made, answers)
    if output is not None:
        files = report_files(told, answers)
        place = write_beside(output, files)
        for name in files:
            say(f"wrote {place / name}", to_stderr=True)
    if as_json:
        print(json.dumps(told.to_dict()))
    else:
        say(markdown(told), end="")
