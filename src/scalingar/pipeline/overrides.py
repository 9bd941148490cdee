"""Single settings on top of a recipe's own, by their dotted names."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from scalingar.strategies import STRATEGIES


def merged(given: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with ``values`` put in; whether they exist is for the recipe to check.

    A new ``strategy.name`` keeps the settings both strategies have; ``strategy.preset`` then puts the parts it fills
    in back to the preset; all other values come last, in their order.

    >>> merged({"seed": 1}, {"seed": 2, "sampling.top_k": 5})
    {'seed': 2, 'sampling': {'top_k': 5}}
    """
    result = deepcopy(dict(given))
    for given_name in sorted(values, key=_rank):
        value = values[given_name]
        # Under another name of the model its options stay: it may only have moved.
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


def _switched(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The settings under another strategy's name, less those it does not have."""
    if settings.get("name") == name:
        return dict(settings)
    kind = STRATEGIES[name]
    kept = {key: value for key, value in settings.items() if key in kind.model_fields and key not in kind.fixed}
    return {**kept, "name": name}


def _without_preset(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings less those that the strategy's preset fills in."""
    name = str(settings.get("name"))
    parts = STRATEGIES[name].preset_parts if name in STRATEGIES else ()
    return {key: value for key, value in settings.items() if key not in parts}


def _put(target: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        inner = target.get(key)
        target[key] = inner if isinstance(inner, dict) else {}
        target = target[key]
    target[path[-1]] = value
