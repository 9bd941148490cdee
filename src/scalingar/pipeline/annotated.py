"""A recipe in YAML with what each setting means beside it."""

import re
from collections.abc import Mapping

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
    """As ``recipe.to_yaml`` writes it, with descriptions as comments; it reads back as the same recipe."""
    told = _descriptions(recipe)
    lines, path = [], list[str]()
    for line in dump_yaml(recipe.to_dict(), ascii_only=ascii_only).splitlines():
        match = _KEY.fullmatch(line)
        if match is None:  # an item of a list, or the rest of a text
            lines.append(line)
            continue
        path = [*path[: len(match["indent"]) // 2], match["key"]]
        what = told.get(tuple(path), "")
        # A text of several words may go on in the next line.
        free = what and " " not in (match["value"] or "") and (what.isascii() or not ascii_only)
        lines.append(f"{line}  # {what}" if free else line)
    return "\n".join(lines) + "\n"


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
