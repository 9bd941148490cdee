"""``scalingar serve``: a model behind OpenAI's images API."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from scalingar.cli.model_options import takes_model
from scalingar.cli.words.prompt_and_settings import is_setting
from scalingar.core.packages import require

_REQUESTS, _WHERE, _LIMITS = "What requests get", "Where, and for whom", "Limits"
_START = "scalingar.serve.start"
"""The server is a room beside this one: neither imports the other, and this name is all that one knows of it."""


@takes_model(without=("name",))
def serve(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL] [KEY=VALUE]...", help="As --model of generate, and settings of a recipe."),
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Unless a request names one.", rich_help_panel=_REQUESTS)] = None,
    num_trajectories: Annotated[
        int | None, typer.Option("-n", "--num-trajectories", help="N of quality auto.", rich_help_panel=_REQUESTS)
    ] = None,
    reward: Annotated[
        list[str] | None,
        typer.Option(help="That requests may name, beside the model's own; may repeat.", rich_help_panel=_REQUESTS),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What requests call the model.", rich_help_panel=_REQUESTS)] = None,
    config: Annotated[Path | None, typer.Option(help="Start from this YAML recipe.", rich_help_panel=_REQUESTS)] = None,
    host: Annotated[
        str | None, typer.Option(help="Address; 0.0.0.0 is for other machines, too.", rich_help_panel=_WHERE)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="8000 unless given; 0 takes a free one.", rich_help_panel=_WHERE)
    ] = None,
    api_key_file: Annotated[
        Path | None, typer.Option(help="Key of requests; or SCALINGAR_API_KEY.", rich_help_panel=_WHERE)
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Answer other machines without a key.", rich_help_panel=_WHERE)
    ] = False,
    max_queue: Annotated[int | None, typer.Option(help="Requests that wait.", rich_help_panel=_LIMITS)] = None,
    max_images: Annotated[int | None, typer.Option(help="Images of a request.", rich_help_panel=_LIMITS)] = None,
    max_trajectories: Annotated[int | None, typer.Option(help="N of an image.", rich_help_panel=_LIMITS)] = None,
    max_rows: Annotated[int | None, typer.Option(help="Trajectories alive at once.", rich_help_panel=_LIMITS)] = None,
    max_prompt: Annotated[int | None, typer.Option(help="Characters of a prompt.", rich_help_panel=_LIMITS)] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Until the answer.", rich_help_panel=_LIMITS)] = None,
    max_body: Annotated[int | None, typer.Option(help="Bytes of a request.", rich_help_panel=_LIMITS)] = None,
    check: Annotated[bool, typer.Option("--check", help="Load everything, say what is served, and stop.")] = False,
    *,
    model: dict[str, Any],
) -> None:
    """Serve a model to clients of OpenAI's images API, all requests in one live batch.

    [b]scalingar serve embedded --strategy scaling-ar --port 8000[/]
    """
    from scalingar.pipeline.recipe import Recipe, parse_overrides  # noqa: PLC0415

    require("the server", "serve")
    named = [word for word in words or [] if not is_setting(word)]
    if len(named) > 1:
        raise typer.BadParameter(f"{named[0]!r} and {named[1]!r} are two models; a server has one")
    values: dict[str, Any] = {
        "model.name": named[0] if named else None,
        "strategy.name": strategy,
        "strategy.num_trajectories": num_trajectories,
        **{f"model.{key}": value for key, value in model.items()},
    }
    values = {key: value for key, value in values.items() if value is not None}
    overrides = parse_overrides([word for word in words or [] if is_setting(word)])
    recipe = Recipe() if config is None else Recipe.from_yaml(config)
    settings = {
        "name": name,
        "rewards": tuple(reward or ()),
        "host": host,
        "port": port,
        "api_key_file": api_key_file,
        "no_auth": no_auth,
        "max_queue": max_queue,
        "max_images": max_images,
        "max_trajectories": max_trajectories,
        "max_rows": max_rows,
        "max_prompt": max_prompt,
        "max_seconds": max_seconds,
        "max_body": max_body,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    import_module(_START).serve(recipe.with_values({**values, **overrides}), given, check=check)
