"""Pydantic's validation errors as one sentence for the user, and values that it takes for what they are."""

import reprlib
from pathlib import Path
from typing import Any, get_args

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scalingar.core.registry import suggestion

_SHORTER = {
    "Value error, ": "",
    "Instance is frozen": "is frozen; build another, or take model_copy(update=...)",
    "Input should be a valid": "must be a valid",
    "Input should be": "must be",
    "greater than or equal to": ">=",
    "less than or equal to": "<=",
    "greater than": ">",
    "less than": "<",
}
_LONGEST_VALUE = 60
_SHORT = reprlib.Repr()
"""Looks at the first parts only, however many a value has."""
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 4, 20, 20, 20
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 2 * _LONGEST_VALUE


def sentence(error: ValidationError, kind: type[BaseModel], prefix: str = "") -> str:
    """All errors of a ``kind`` at ``prefix``, such as ``sampling.top_p=1.5: must be <= 1``."""
    # What follows from another invalid setting, which is reported itself, is left out.
    places = [details["loc"] for details in error.errors()]
    reported = [
        details
        for details in error.errors()
        if details["type"] != "default_factory_not_called"
        and not (details["type"] == "too_short" and any(_is_inside(place, details["loc"]) for place in places))
    ]
    messages = [_message(details, kind, prefix) for details in reported]
    return "; also ".join([*(message.rstrip(".") for message in messages[:-1]), messages[-1]])


def _message(details: ErrorDetails, kind: type[BaseModel], prefix: str) -> str:
    path = details["loc"]
    setting = ".".join(map(shown_name, (prefix, *path) if prefix else path))
    if details["type"] == "extra_forbidden":
        return f"{setting} is no setting{suggestion(str(path[-1]), _settings(kind, path[:-1]))}"
    if details["type"] == "missing":
        field = kind.model_fields.get(str(path[0])) if len(path) == 1 else None
        return f"{setting} is missing" + (f" ({field.description})" if field is not None and field.description else "")
    if details["type"] == "string_type" and isinstance(details["input"], dict):
        return f"{setting}: must be words, and ': ' or a ':' at their end makes a mapping of them; put them in quotes"
    where = f"{setting}{_value(details['input'])}: " if setting else ""
    return where + _shortened(details["msg"])


def shown_name(part: int | str) -> str:
    """A part of a setting's dotted name, not longer than one can read."""
    text = str(part)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def shown(value: Any) -> str:
    """``repr`` of a value, shortened without looking at all of it."""
    return _SHORT.repr(value)


def plain(value: Any) -> Any:
    """NumPy's and torch's numbers, arrays and paths as Python's own, also inside of lists and sections.

    Other values are left as they are.
    """
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic) or (hasattr(value, "tolist") and hasattr(value, "dtype")):
        return value.tolist()
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    return {key: plain(inner) for key, inner in value.items()} if type(value) is dict else value


def no_truth(value: Any) -> Any:
    """For fields that are numbers or lists of such: pydantic would take True for 1. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    if _holds_truth(value):
        raise ValueError("must hold numbers, neither true nor false")
    return value


def _holds_truth(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(item, bool) or _holds_truth(item) for item in value)


def _value(value: Any) -> str:
    """``=value``; empty for a whole section or a long value."""
    text = shown(value)
    return "" if isinstance(value, BaseModel | dict) or len(text) > _LONGEST_VALUE else f"={text}"


def _shortened(message: str) -> str:
    for long, short in _SHORTER.items():
        message = message.replace(long, short)
    return message


def _is_inside(place: tuple[int | str, ...], other: tuple[int | str, ...]) -> bool:
    return len(place) > len(other) and place[: len(other)] == other


def _settings(kind: type[BaseModel], parents: tuple[int | str, ...]) -> list[str]:
    """Names of the settings inside ``parents``."""
    for name in parents:
        if isinstance(name, int):  # a place in a list
            continue
        field = kind.model_fields.get(str(name))
        inner = [] if field is None else models_in(field.annotation)
        if not inner:
            return []
        kind = inner[0]
    return list(kind.model_fields)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models in an annotation such as ``GateConfig | None`` or ``tuple[Clause, ...]``."""
    options = get_args(annotation) or (annotation,)
    return [option for option in options if isinstance(option, type) and issubclass(option, BaseModel)]
