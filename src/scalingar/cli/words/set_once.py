"""Options and ``key=value`` of one command: what both say is refused."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_NAMED = ("model", "strategy")
"""Sections for which a text is the name."""


def together(options: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """Options by their dotted names, and each ``a.b=value``. Raises ConfigError, also for what is set twice."""
    from scalingar.core.errors import ConfigError  # noqa: PLC0415
    from scalingar.pipeline.recipe import parse_overrides  # noqa: PLC0415

    values = parse_overrides(words)
    known = set(options)
    for name, value in values.items():
        settings = set(_settings(name, value))
        if twice := sorted(known & settings):
            raise ConfigError(f"{twice[0]} is set twice, also by {name}=; leave one of them out.")
        known |= settings
    return {**options, **values}


def _settings(name: str, value: Any) -> Iterator[str]:
    """Dotted names of everything that ``name=value`` sets: ``strategy={name: single}`` sets ``strategy.name``."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _settings(f"{name}.{key}", inner)
    else:
        yield f"{name}.name" if name in _NAMED else name
