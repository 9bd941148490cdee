"""The metadata of a GenEval prompt: what its image must show, in the official format."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from scalingar.core.registry import suggestion
from scalingar.core.settings import Record
from scalingar.core.validation import no_truth
from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES, RELATIONS

TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
"""The six tags, in the official order."""


def _among(kind: str, known: tuple[str, ...]) -> Callable[[str], str]:
    def check(word: str) -> str:
        if word not in known:
            raise ValueError(f"{word!r} is no {kind} of GenEval{suggestion(word, list(known))}")
        return word

    return check


class Clause(Record):
    """At least ``count`` objects of a class, of a colour, in a relation to the objects of an earlier clause."""

    model_config = ConfigDict(populate_by_name=True)

    name: Annotated[str, AfterValidator(_among("class", OBJECT_CLASSES))] = Field(alias="class")
    count: Annotated[int, BeforeValidator(no_truth)] = Field(ge=1)
    color: Annotated[str, AfterValidator(_among("colour", COLORS))] | None = None
    position: tuple[Annotated[str, AfterValidator(_among("relation", RELATIONS))], int] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The official keys that are set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Metadata(Record):
    """One official line: all ``include`` clauses must hold and no ``exclude`` clause may."""

    tag: Annotated[str, AfterValidator(_among("task", TASKS))]
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
        """The official object, with its keys in the official order."""
        exclude = {"exclude": [clause.to_dict() for clause in self.exclude]} if self.exclude else {}
        return {
            "tag": self.tag,
            "include": [clause.to_dict() for clause in self.include],
            **exclude,
            "prompt": self.prompt,
        }
