"""What pydantic found wrong with settings, in one sentence a user can act on."""

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
    """Every complaint about a ``kind`` that sits at ``prefix``, such as ``sampling.top_p=1.5: must be <= 1``."""
    # A default that another setting decides about cannot be made when that one is wrong: it is told already.
    told = [details for details in error.errors() if details["type"] != "default_factory_not_called"]
    complaints = [_complaint(details, kind, prefix) for details in told]
    return "; also ".join([*(complaint.rstrip(".") for complaint in complaints[:-1]), complaints[-1]])


def _complaint(details: ErrorDetails, kind: type[BaseModel], prefix: str) -> str:
    path = details["loc"]
    place = ".".join(map(str, (prefix, *path) if prefix else path))
    if details["type"] == "extra_forbidden":
        return f"{place} is no setting{suggestion(str(path[-1]), _settings(kind, path[:-1]))}"
    if details["type"] == "missing":
        return f"{place} is missing"
    where = f"{place}{_value(details['input'])}: " if place else ""
    return where + _shortened(details["msg"])


def _value(value: Any) -> str:
    """``=value``, unless it is a whole section or too long to help."""
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
