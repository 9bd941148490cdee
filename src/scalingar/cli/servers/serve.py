"""``scalingar serve``: a model behind OpenAI's images API."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scalingar.cli.model_options import takes_model
from scalingar.cli.servers.serving import start
from scalingar.core.packages import require

_REQUESTS, _WHERE, _LIMITS = "What requests get", "Where, and for whom", "Limits"
_MANY = "Several models at once; see docs/many-machines.md"


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
    config: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Start from this recipe: a name of [b]scalingar ls recipes[/], or a YAML file.",
            rich_help_panel=_REQUESTS,
        ),
    ] = None,
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
    no_studio: Annotated[
        bool, typer.Option("--no-studio", help="The API alone, without the page at /.", rich_help_panel=_WHERE)
    ] = False,
    runs: Annotated[
        Path | None, typer.Option(help="Runs of a benchmark that the page shows.", rich_help_panel=_WHERE)
    ] = None,
    max_queue: Annotated[int | None, typer.Option(help="Requests that wait.", rich_help_panel=_LIMITS)] = None,
    max_images: Annotated[int | None, typer.Option(help="Images of a request.", rich_help_panel=_LIMITS)] = None,
    max_trajectories: Annotated[int | None, typer.Option(help="N of an image.", rich_help_panel=_LIMITS)] = None,
    max_rows: Annotated[int | None, typer.Option(help="Trajectories alive at once.", rich_help_panel=_LIMITS)] = None,
    max_prompt: Annotated[int | None, typer.Option(help="Characters of a prompt.", rich_help_panel=_LIMITS)] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Until the answer.", rich_help_panel=_LIMITS)] = None,
    max_body: Annotated[int | None, typer.Option(help="Bytes of a request.", rich_help_panel=_LIMITS)] = None,
    backend: Annotated[
        str, typer.Option(help="threads: in this process; ray: replicas.", rich_help_panel=_MANY)
    ] = "threads",
    replicas: Annotated[int | None, typer.Option(help="At least; 1 if not given.", rich_help_panel=_MANY)] = None,
    max_replicas: Annotated[
        int | None, typer.Option(help="At most; they follow the requests.", rich_help_panel=_MANY)
    ] = None,
    address: Annotated[str | None, typer.Option(help="Of a running cluster of ray.", rich_help_panel=_MANY)] = None,
    cpus_per_replica: Annotated[int | None, typer.Option(help="1 if not given.", rich_help_panel=_MANY)] = None,
    gpus_per_replica: Annotated[
        float | None, typer.Option(help="1 on a GPU if not given.", rich_help_panel=_MANY)
    ] = None,
    requests_per_replica: Annotated[
        int | None, typer.Option(help="Under way, before another one starts; 8.", rich_help_panel=_MANY)
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Load everything, say what is served, and stop.")] = False,
    *,
    model: dict[str, Any],
) -> None:
    """Serve a model to clients of OpenAI's images API, all requests in one live batch.

    [b]scalingar serve embedded --strategy scaling-ar --port 8000[/]
    """
    require("the server", "serve")
    values: dict[str, Any] = {
        "strategy.name": strategy,
        "strategy.num_trajectories": num_trajectories,
        **{f"model.{key}": value for key, value in model.items()},
    }
    settings = {
        "name": name,
        "rewards": tuple(reward or ()),
        "host": host,
        "port": port,
        "api_key_file": api_key_file,
        "no_auth": no_auth,
        "studio": not no_studio,
        "runs": runs,
        "max_queue": max_queue,
        "max_images": max_images,
        "max_trajectories": max_trajectories,
        "max_rows": max_rows,
        "max_prompt": max_prompt,
        "max_seconds": max_seconds,
        "max_body": max_body,
    }
    several = {
        "replicas": replicas,
        "max_replicas": max_replicas,
        "address": address,
        "cpus_per_replica": cpus_per_replica,
        "gpus_per_replica": gpus_per_replica,
        "requests_per_replica": requests_per_replica,
    }
    start(words or [], config, values, settings, _many(backend, several), check=check)


def _many(backend: str, several: dict[str, Any]) -> dict[str, Any] | None:
    """What is said of replicas; None: the server is in this process. Raises ConfigError."""
    from scalingar.core.errors import ConfigError  # noqa: PLC0415
    from scalingar.core.registry import suggestion  # noqa: PLC0415

    given = {key: value for key, value in several.items() if value is not None}
    if backend not in ("threads", "ray"):
        raise ConfigError(f"--backend {backend!r}: must be threads or ray{suggestion(backend, ['threads', 'ray'])}")
    if backend == "ray":
        require("--backend ray", "ray")
        return given
    if given:
        raise ConfigError(f"--{next(iter(given)).replace('_', '-')} is for --backend ray; the backend is threads.")
    return None
