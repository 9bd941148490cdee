"""A recipe in YAML with what each setting means beside it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from scalingar.core.validation import models_in
from scalingar.core.yaml_file import dump_yaml
from scalingar.models.family import model_options
from scalingar.pipeline.loading.locating import own_folder
from scalingar.pipeline.recipe import Recipe

_KEY = re.compile(r"(?P<indent> *)(?P<key>[\w-]+):(?: (?P<value>.*))?")


def foreseen(recipe: Recipe) -> Recipe:
    """With the defaults of its model, where they are known without the weights: of embedded models and model folders.

    Raises:
        WeightsError: the model folder is damaged.
    """
    own = own_folder(recipe.model.name)
    return recipe.foreseen(None if own is None else own[1].info)


def annotated_yaml(recipe: Recipe, *, ascii_only: bool = False) -> str:
    """As ``recipe.to_yaml`` writes it, with descriptions as comments; it reads back as the same recipe.

    What is left to the model or its device stays null, so that another model or device still brings its own; what it
    is now, as far as :func:`foreseen`, is in the comment.

    Raises:
        WeightsError: the model folder is damaged.
    """
    told = {path: text for path, text in _descriptions(recipe).items() if text.isascii() or not ascii_only}
    said, known = recipe.to_dict(), foreseen(recipe).to_dict()
    lines, path = [], list[str]()
    for line in dump_yaml(said, ascii_only=ascii_only).splitlines():
        match = _KEY.fullmatch(line)
        if match is None:  # an item of a list, or the rest of a text
            lines.append(line)
            continue
        path = [*path[: len(match["indent"]) // 2], match["key"]]
        what = told.get(tuple(path), "")
        mine, found = _at(said, path), _at(known, path)
        if isinstance(found, dict) and (left := {name: found[name] for name in found if name not in (mine or {})}):
            # Without the word null, which YAML reads into nothing too, the lines below count once their # is gone.
            lines.append(_commented(line.removesuffix(" null"), what))
            lines += [_left(recipe, path, name, value, told) for name, value in left.items()]
            continue
        if mine is None and found is not None:
            what = "; ".join(filter(None, (what, f"{_source(recipe, path)}: {_value(found)}")))
        # A text of several words may go on in the next line.
        lines.append(line if " " in (match["value"] or "") else _commented(line, what))
    return "\n".join(lines) + "\n"


def _commented(line: str, what: str) -> str:
    return f"{line}  # {what}" if what else line


def _left(recipe: Recipe, section: list[str], name: str, value: Any, told: Mapping[tuple[str, ...], str]) -> str:
    """A setting that a section leaves to the model, as a comment."""
    what = "; ".join(filter(None, (told.get((*section, name)), _source(recipe, section))))
    return f"{'  ' * len(section)}# {name}: {_value(value)}  # {what}"


def _source(recipe: Recipe, path: Sequence[str]) -> str:
    return "on this device" if path[0] in recipe.by_device() else "of this model"


def _value(value: Any) -> str:
    """In YAML, and in ASCII, because it may stand on any terminal."""
    return " ".join(dump_yaml([value], ascii_only=True).removeprefix("- ").split())


def _at(data: Any, path: Sequence[str]) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _descriptions(recipe: Recipe) -> Mapping[tuple[str, ...], str]:
    """By the path of a setting."""
    told = _of(Recipe, ()) | _of(type(recipe.model), ("model",)) | _of(type(recipe.strategy), ("strategy",))
    told |= {("model", name): option.description for name, option in model_options().items()}
    return {path: " ".join(text.split()) for path, text in told.items()}


def _of(kind: type[BaseModel], path: tuple[str, ...]) -> dict[tuple[str, ...], str]:
    told: dict[tuple[str, ...], str] = {}
    for name, field in kind.model_fields.items():
        if field.description:
            told[(*path, name)] = field.description
        for inner in models_in(field.annotation):
            told |= _of(inner, (*path, name))
    return told
