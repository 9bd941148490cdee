"""``scalingar convert``: published weights to safetensors."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scalingar.cli.model_options import split_model, takes_model
from scalingar.cli.terminal import say


@takes_model(without=("name", "device", "compile"))
def convert(
    name: Annotated[str, typer.Argument(metavar="SRC", help="A weight file, a folder, or a name on the hub.")],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="A .safetensors file, or a model folder.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[model.KEY=VALUE]...", help="Other options of the model.")
    ] = None,
    *,
    model: dict[str, Any],
) -> None:
    """Bring published weights to safetensors, and print the files' SHA-256.

    With a tokenizer DST becomes a model folder, which [b]scalingar generate --model DST[/] reads.
    """
    from scalingar.pipeline.loading.conversion import convert as run  # noqa: PLC0415
    from scalingar.pipeline.model_choice import ModelChoice  # noqa: PLC0415

    settings_of_model, unknown = split_model(settings or [])
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is no option of a model; write it as model.grid=[16,16]")
    choice = ModelChoice.from_dict({**model, **settings_of_model, "name": name})
    for path, digest in run(choice.for_loading(), destination).items():
        say(f"{digest}  {path}")
