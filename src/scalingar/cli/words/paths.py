"""Paths among the arguments of a command."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from scalingar.core.files import expanded


def takes_paths(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: in every path that a command is given ``~`` is a home, also where the shell leaves it."""

    @wraps(command)
    def with_homes(**arguments: Any) -> Any:
        return command(**{name: _with_home(value) for name, value in arguments.items()})

    return with_homes


def _with_home(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_with_home, value))
    return expanded(value) if isinstance(value, Path) else value
