"""Overriding settings of a recipe by their dotted names."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from scalingar.core.errors import ConfigError
from scalingar.core.validation import shown
from scalingar.strategies import STRATEGIES


def merged(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with ``values`` set; the recipe validates them.

    A new ``strategy.name`` keeps the settings that both strategies have; ``strategy.preset`` then resets the parts it
    defines; all other values follow in order.

    >>> merged({"seed": 1}, {"seed": 2, "sampling.top_k": 5})
    {'seed': 2, 'sampling': {'top_k': 5}}
    """
    result = deepcopy(dict(settings))
    for given_name in sorted(values, key=_rank):
        value = values[given_name]
        # A new model name keeps the options: the files may only have moved.
        name = "model.name" if given_name == "model" and isinstance(value, str) else given_name
        if name in {"strategy", "strategy.name"} and isinstance(value, str):
            result["strategy"] = _switched(result.get("strategy", {}), value)
            continue
        if name == "strategy.preset":
            result["strategy"] = _without_preset(result.get("strategy", {}))
        _put(result, name.split("."), value)
    return result


def _rank(name: str) -> int:
    order = ("strategy", "strategy.name", "strategy.preset")
    return order.index(name) if name in order else len(order)


def _switched(settings: Any, name: str) -> dict[str, Any]:
    """The settings under another strategy's name, less those it does not have."""
    if not isinstance(settings, Mapping):
        return {"name": name}
    if settings.get("name") == name:
        return dict(settings)
    kind = STRATEGIES[name]
    shared = {key: value for key, value in settings.items() if key in kind.model_fields and key not in kind.fixed}
    return {**shared, "name": name}


def _without_preset(settings: Any) -> dict[str, Any]:
    """The settings less those that the strategy's preset fills in."""
    if not isinstance(settings, Mapping):
        return {}
    name = str(settings.get("name"))
    parts = STRATEGIES[name].preset_parts if name in STRATEGIES else ()
    return {key: value for key, value in settings.items() if key not in parts}


def _put(target: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        inner = target.get(key)
        if not isinstance(inner, dict | None):
            raise ConfigError(f"{key} is {shown(inner)}, so {'.'.join(path)} has no place; leave one of them out.")
        target[key] = inner or {}
        target = target[key]
    target[path[-1]] = value
