"""What the commands that start a server have in common."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

from scalingar.cli.words.prompt_and_settings import is_setting
from scalingar.cli.words.set_once import together

_START, _START_REPLICAS = "scalingar.serve.start", "scalingar.serve.replicas.ray_serve"
"""The server is a room beside this one: neither imports the other, and these names are all that one knows of it."""
_OF_REQUESTS = ("prompt", "seed", "num_images_per_prompt")
"""Settings of a recipe that a server takes from each request, as it takes n for the last."""


def start(
    words: Sequence[str],
    config: str | None,
    values: dict[str, Any],
    settings: dict[str, Any],
    many: dict[str, Any] | None = None,
    *,
    check: bool,
) -> None:
    """Serve the model that the words name, drawn as they, ``config`` and ``values`` say.

    ``values``: of a recipe, by dotted names; ``settings``: of the server; None is not given. ``many``: replicas of
    ray that serve in place of this process. Raises ScalingarError.
    """
    from scalingar.core.errors import ConfigError  # noqa: PLC0415
    from scalingar.pipeline.recipe import Recipe  # noqa: PLC0415

    named = [word for word in words if not is_setting(word)]
    if len(named) > 1:
        raise typer.BadParameter(f"{named[0]!r} and {named[1]!r} are two models; a server has one")
    given = {"model.name": named[0] if named else None, **values}
    asked = together(_given(given), [word for word in words if is_setting(word)])
    for name in asked:
        if name.partition(".")[0] in _OF_REQUESTS:
            raise ConfigError(f"{name} is a request's; leave it out.")
    recipe = Recipe() if config is None else Recipe.from_yaml(config)
    recipe = recipe.with_values(asked)
    if many is None:
        import_module(_START).serve(recipe, _given(settings), check=check)
        return
    many = {"gpus_per_replica": 0.0 if recipe.model.on_cpu else 1.0, **many}
    import_module(_START_REPLICAS).serve(recipe, _given(settings), many, check=check)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
