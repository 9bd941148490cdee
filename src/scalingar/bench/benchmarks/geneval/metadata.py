"""What a GenEval prompt asks for, as the official lines say it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from scalingar.core.registry import suggestion
from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES, RELATIONS

TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
"""The six tags, in the official order."""


class Clause(BaseModel):
    """At least ``count`` objects of a class, of a colour, in a relation to the objects of an earlier clause."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str = Field(alias="class")
    count: int = Field(ge=1)
    color: str | None = None
    position: tuple[str, int] | None = None

    @field_validator("name")
    @classmethod
    def _known_class(cls, name: str) -> str:
        return _known(name, "class", OBJECT_CLASSES)

    @field_validator("color")
    @classmethod
    def _known_color(cls, color: str | None) -> str | None:
        return color if color is None else _known(color, "colour", COLORS)

    @field_validator("position")
    @classmethod
    def _known_relation(cls, position: tuple[str, int] | None) -> tuple[str, int] | None:
        if position is not None:
            _known(position[0], "relation", RELATIONS)
        return position

    def to_dict(self) -> dict[str, Any]:
        """The official keys, those that are set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Metadata(BaseModel):
    """One official line: all ``include`` clauses must hold and no ``exclude`` clause may."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    include: tuple[Clause, ...] = Field(min_length=1)
    exclude: tuple[Clause, ...] = ()
    prompt: str = Field(min_length=1)

    @model_validator(mode="after")
    def _targets_come_first(self) -> "Metadata":
        for index, clause in enumerate(self.include):
            if clause.position is not None and not 0 <= clause.position[1] < index:
                raise ValueError(f"include[{index}] refers to clause {clause.position[1]}, which is not before it")
        if any(clause.color is not None or clause.position is not None for clause in self.exclude):
            raise ValueError("an exclude clause has only a class and a count")
        return self

    def to_dict(self) -> dict[str, Any]:
        """The official object, keys in the official order."""
        exclude = {"exclude": [clause.to_dict() for clause in self.exclude]} if self.exclude else {}
        return {
            "tag": self.tag,
            "include": [clause.to_dict() for clause in self.include],
            **exclude,
            "prompt": self.prompt,
        }


def _known(word: str, kind: str, known: tuple[str, ...]) -> str:
    if word not in known:
        raise ValueError(f"{word!r} is no {kind} of GenEval{suggestion(word, list(known))}")
    return word
