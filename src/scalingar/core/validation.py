"""Pydantic's validation errors as one sentence for the user."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scalingar.core.registry import suggestion

_SHORTER = {
    "Value error, ": "",
    "Input should be a valid": "must be a valid",
    "Input should be": "must be",
    "greater than or equal to": ">=",
    "less than or equal to": "<=",
    "greater than": ">",
    "less than": "<",
}
_LONGEST_VALUE = 60


def sentence(error: ValidationError, kind: type[BaseModel], prefix: str = "") -> str:
    """All errors of a ``kind`` at ``prefix``, such as ``sampling.top_p=1.5: must be <= 1``."""
    # A default factory that was not called follows from another invalid setting, which is reported itself.
    reported = [details for details in error.errors() if details["type"] != "default_factory_not_called"]
    messages = [_message(details, kind, prefix) for details in reported]
    return "; also ".join([*(message.rstrip(".") for message in messages[:-1]), messages[-1]])


def _message(details: ErrorDetails, kind: type[BaseModel], prefix: str) -> str:
    path = details["loc"]
    setting = ".".join(map(str, (prefix, *path) if prefix else path))
    if details["type"] == "extra_forbidden":
        return f"{setting} is no setting{suggestion(str(path[-1]), _settings(kind, path[:-1]))}"
    if details["type"] == "missing":
        return f"{setting} is missing"
    where = f"{setting}{_value(details['input'])}: " if setting else ""
    return where + _shortened(details["msg"])


def _value(value: Any) -> str:
    """``=value``; empty for a whole section or a long value."""
    text = repr(value)
    return "" if isinstance(value, BaseModel | dict) or len(text) > _LONGEST_VALUE else f"={text}"


def _shortened(message: str) -> str:
    for long, short in _SHORTER.items():
        message = message.replace(long, short)
    return message


def _settings(kind: type[BaseModel], parents: tuple[int | str, ...]) -> list[str]:
    """Names of the settings inside ``parents``."""
    for name in parents:
        field = kind.model_fields.get(str(name))
        inner = [] if field is None else _models(field.annotation)
        if not inner:
            return []
        kind = inner[0]
    return list(kind.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models in an annotation such as ``GateConfig | None``."""
    options = get_args(annotation) or (annotation,)
    return [option for option in options if isinstance(option, type) and issubclass(option, BaseModel)]
