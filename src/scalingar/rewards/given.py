"""Functions that this process gave a strategy in place of a reward's name."""

from collections.abc import Callable
from typing import Any

from scalingar.core.errors import ConfigError

PREFIX = "python:"
"""Of their names, as of other Python code that a recipe can name and not hold."""
_GIVEN: dict[str, Any] = {}
"""By name; kept, because a strategy holds the name alone."""


def named(function: Callable[..., Any]) -> str:
    """A name by which the function is found again in this process: ``python:module.function``.

    The same function has the same name; another one that is called alike gets a number.
    """
    kind = function if hasattr(function, "__qualname__") else type(function)
    base = f"{PREFIX}{kind.__module__}.{kind.__qualname__}"
    name, number = base, 1
    while _GIVEN.get(name, function) != function:
        number += 1
        name = f"{base}#{number}"
    _GIVEN[name] = function
    return name


def given(name: str) -> Any:
    """The function. Raises ConfigError: it was given to another process."""
    if name not in _GIVEN:
        raise ConfigError(
            f"the reward {name} was a Python function, which a recipe cannot hold; give the strategy the function "
            "again, or register it under a name."
        )
    return _GIVEN[name]
