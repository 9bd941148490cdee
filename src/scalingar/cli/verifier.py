"""``scalingar verifier``: train a head that tells from a model's hidden states how good an image will be."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scalingar.cli.drawn_studies import bar, loaded
from scalingar.cli.model_options import split_model, takes_model

verifier = typer.Typer(
    no_args_is_help=True,
    help="Train a head that tells from a model's states how good an image will be.",
    rich_markup_mode="rich",
    add_completion=False,
)


@verifier.callback()
def _group() -> None:
    """A group of its own, though it has one command."""


@verifier.command()
@takes_model(without=["name"])
def train(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="'embedded', a file or folder, or a hub name.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="model.key=value.")] = None,
    prompts: Annotated[Path, typer.Option(help="File of prompts, one a line, none of them a benchmark's.")] = ...,  # type: ignore[assignment]
    reward: Annotated[
        str | None, typer.Option(help="What it is to foretell, by name.", show_default="the model's own")
    ] = None,
    num_trajectories: Annotated[int, typer.Option("-n", "--num-trajectories", min=2, help="Of each prompt.")] = 8,
    completions: Annotated[
        int,
        typer.Option(
            min=1,
            help="M, of each trajectory's first quarter, half and three quarters; above 1 what a prefix is to foretell "
            "is the mean of the completions that begin with it.",
        ),
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Keys the noise, and the training.")] = 0,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder of the verifier; a stopped training is resumed.")
    ] = Path("verifier"),
    *,
    model: dict[str, Any],
) -> None:
    """Draw images, score them, and teach a small head to foretell the score; every fourth prompt only examines.

    [b]scalingar verifier train embedded --prompts prompts.txt -o verifier[/]
    [b]scalingar generate "a photo of a dog" --strategy verifier-of-n --verifier verifier[/]
    """
    from scalingar.analysis.verifiers.examination import held_out, table  # noqa: PLC0415
    from scalingar.analysis.verifiers.lessons import Plan  # noqa: PLC0415
    from scalingar.analysis.verifiers.train import train_verifier  # noqa: PLC0415
    from scalingar.cli.terminal import say  # noqa: PLC0415
    from scalingar.cli.words.prompt_and_settings import prompts_of  # noqa: PLC0415
    from scalingar.core.errors import ConfigError  # noqa: PLC0415
    from scalingar.core.files import results_in, write_file  # noqa: PLC0415
    from scalingar.report.markdown import markdown_table  # noqa: PLC0415
    from scalingar.rewards import check_reward  # noqa: PLC0415

    section, others = split_model(settings or [])
    if others:
        raise ConfigError(f"{others[0]!r} is no setting of the model; write it as model.key=value.")
    if not prompts.is_file():
        raise ConfigError(f"--prompts {prompts} is no file; give a text file with one prompt in each line.")
    texts = prompts_of([str(prompts)])
    if reward is not None:
        check_reward(reward)
    with results_in(output):
        pipe, label = loaded({"name": name, **model, **section}, reward)
        plan = Plan(texts, label, num_trajectories, seed, completions)
        made = train_verifier(pipe, plan, output, lambda told: lambda items: bar(items, told))
        text = markdown_table(*table(made.info.report, label))
        write_file(output / "report.md", text.encode())
    say(text)
    say(held_out(made.info.report))
    say(f"wrote {output}")
