"""The base of all settings of profile, policy and strategies."""

from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Settings(BaseModel):
    """Frozen; refuses unknown names, numbers that are not finite, and true or false where a number is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: Any, info: ValidationInfo) -> Any:
        """Pydantic would take True for 1."""
        if isinstance(value, bool) and _is_number(cls, str(info.field_name)):
            raise ValueError("must be a number")
        return value


@cache
def _is_number(kind: type[BaseModel], name: str) -> bool:
    kinds = _kinds(kind.model_fields[name].annotation)
    return bool({int, float} & kinds) and bool not in kinds


def _kinds(annotation: Any) -> set[Any]:
    inner = get_args(annotation)
    return {annotation}.union(*map(_kinds, inner)) if inner else {annotation}
