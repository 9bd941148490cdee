"""What the commands that start a server have in common."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from scalingar.cli.words.prompt_and_settings import is_setting

_START = "scalingar.serve.start"
"""The server is a room beside this one: neither imports the other, and this name is all that one knows of it."""


def start(
    words: Sequence[str], config: Path | None, values: dict[str, Any], settings: dict[str, Any], *, check: bool
) -> None:
    """Serve the model that the words name, drawn as they, ``config`` and ``values`` say.

    ``values``: of a recipe, by dotted names; ``settings``: of the server; None is not given. Raises ScalingarError.
    """
    from scalingar.pipeline.recipe import Recipe, parse_overrides  # noqa: PLC0415

    named = [word for word in words if not is_setting(word)]
    if len(named) > 1:
        raise typer.BadParameter(f"{named[0]!r} and {named[1]!r} are two models; a server has one")
    given = {"model.name": named[0] if named else None, **values}
    overrides = parse_overrides([word for word in words if is_setting(word)])
    recipe = Recipe() if config is None else Recipe.from_yaml(config)
    recipe = recipe.with_values({**_given(given), **overrides})
    import_module(_START).serve(recipe, _given(settings), check=check)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
