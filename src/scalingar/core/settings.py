"""The bases of what a user sets and of what files hold: frozen values; a wrong one is refused in one sentence."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from scalingar.core.errors import ConfigError, SettingsError
from scalingar.core.text_file import decoded, parse_json
from scalingar.core.validation import no_truth, plain, sentence


class Record(BaseModel):
    """Frozen; refuses unknown names. What is wrong is a SettingsError, however it is built, copied or assigned to.

    But for :meth:`from_dict`, whose ConfigError a record around this one does not take for its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, /, **values: Any) -> None:
        """Raises SettingsError."""
        with _in_one_sentence(type(self)):
            super().__init__(**values)

    # Pydantic then builds nested records without this method, so that what is wrong with them is told with its path.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def from_dict(cls, values: Mapping[Any, Any], where: str = "") -> Self:
        """From plain values, those of NumPy and torch too. Raises ConfigError, which calls them ``where.name``."""
        try:
            return super().model_validate(plain({str(name): value for name, value in values.items()}))
        except ValidationError as error:
            raise ConfigError(sentence(error, cls, where)) from None

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Pydantic's. Raises SettingsError."""
        with _in_one_sentence(cls):
            return super().model_validate(obj, **options)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Of JSON as :func:`parse_json` reads it. Raises SettingsError."""
        try:
            content = parse_json(json_data if isinstance(json_data, str) else decoded(bytes(json_data)))
        except ValueError as error:
            raise SettingsError(f"it is no JSON ({error})") from None
        return cls.model_validate(content, **options)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """With values replaced, which pydantic would not look at. Raises SettingsError."""
        copied = super().model_copy(deep=deep)
        if not update:
            return copied
        held = {name: getattr(copied, name) for name in type(self).model_fields} | (copied.model_extra or {})
        replaced = type(self).model_validate({**held, **update})
        replaced.model_fields_set.intersection_update(self.model_fields_set | update.keys())
        return replaced

    if not TYPE_CHECKING:  # else checkers would let every attribute be set

        def __setattr__(self, name: str, value: Any) -> None:
            """Raises SettingsError."""
            with _in_one_sentence(type(self)):
                super().__setattr__(name, value)

        def __delattr__(self, name: str) -> None:
            """Raises SettingsError."""
            with _in_one_sentence(type(self)):
                super().__delattr__(name)


class Settings(Record):
    """Refuses also numbers that are not finite, and true or false where a number is meant, inside of lists too."""

    model_config = ConfigDict(allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: Any, info: ValidationInfo) -> Any:
        """Pydantic would take True for 1."""
        return no_truth(value) if _is_number(cls, str(info.field_name)) else value


@contextmanager
def _in_one_sentence(kind: type[BaseModel]) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise SettingsError(sentence(error, kind)) from None
    except ConfigError as error:  # of a validator
        if type(error) is not ConfigError:
            raise
        raise SettingsError(str(error)) from None


@cache
def _is_number(kind: type[BaseModel], name: str) -> bool:
    kinds = _kinds(kind.model_fields[name].annotation)
    return bool({int, float} & kinds) and bool not in kinds


def _kinds(annotation: Any) -> set[type]:
    """The classes in an annotation such as ``int | None``."""
    inner = get_args(annotation)
    return set().union(*map(_kinds, inner)) if inner else {annotation} if isinstance(annotation, type) else set()
