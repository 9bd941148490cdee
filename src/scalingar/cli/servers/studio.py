"""``scalingar studio``: a page on which one sees images come about."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scalingar.cli.model_options import takes_model
from scalingar.cli.servers.serving import start
from scalingar.core.packages import require

_SHOWN, _WHERE = "What the page shows", "Where, and for whom"
PORT = 7860
"""Of gradio's pages."""


@takes_model(without=("name",))
def studio(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL] [KEY=VALUE]...", help="As --model of generate, and settings of a recipe."),
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Chosen at first.", rich_help_panel=_SHOWN)] = None,
    num_trajectories: Annotated[
        int | None, typer.Option("-n", "--num-trajectories", help="N at first.", rich_help_panel=_SHOWN)
    ] = None,
    reward: Annotated[
        list[str] | None,
        typer.Option(help="That visitors may name, beside the model's own; may repeat.", rich_help_panel=_SHOWN),
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Run of a benchmark, or a folder of them.", rich_help_panel=_SHOWN)
    ] = None,
    max_trajectories: Annotated[int | None, typer.Option(help="Largest N.", rich_help_panel=_SHOWN)] = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Start from this recipe: a name of [b]scalingar ls recipes[/], or a YAML file.",
            rich_help_panel=_SHOWN,
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address; 0.0.0.0 is for other machines, too.", rich_help_panel=_WHERE)
    ] = None,
    port: Annotated[int, typer.Option(help="0 takes a free one.", rich_help_panel=_WHERE)] = PORT,
    api_key_file: Annotated[
        Path | None, typer.Option(help="Key to log in with; or SCALINGAR_API_KEY.", rich_help_panel=_WHERE)
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Let other machines in without a key.", rich_help_panel=_WHERE)
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Load everything, say what is served, and stop.")] = False,
    *,
    model: dict[str, Any],
) -> None:
    """Open a page to watch, compare and replay how images come about, beside the API of [b]scalingar serve[/].

    [b]scalingar studio embedded --strategy scaling-ar[/]
    """
    require("the studio", "studio")
    values: dict[str, Any] = {
        "strategy.name": strategy,
        "strategy.num_trajectories": num_trajectories,
        **{f"model.{key}": value for key, value in model.items()},
    }
    settings = {
        "rewards": tuple(reward or ()),
        "host": host,
        "port": port,
        "api_key_file": api_key_file,
        "no_auth": no_auth,
        "runs": runs,
        "max_trajectories": max_trajectories,
    }
    start(words or [], config, values, settings, check=check)
