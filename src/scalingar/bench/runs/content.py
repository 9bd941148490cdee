"""What a benchmark asks, as hashes, and the settings that only say where its files lie."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from scalingar.bench.benchmark import Benchmark, Item
from scalingar.core.errors import BenchmarkError

SOURCE = "_source"
"""Ends the names of settings that are a file, a folder or a hub name; ``provenance`` says what was found there."""


def content_of(items: Sequence[Item], benchmark: Benchmark) -> dict[str, str]:
    """SHA-256 of the prompts with their tasks and metadata (clauses, questions, expected answers), and of side files.

    Raises:
        BenchmarkError: metadata that JSON cannot hold, or a prompt that is no text.
    """
    digest = hashlib.sha256()
    for item in items:
        asked = [item.id, item.prompt, item.task, dict(item.metadata), dict(benchmark.side_files(item))]
        try:
            digest.update(json.dumps(asked, sort_keys=True, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        except (TypeError, ValueError) as error:
            raise BenchmarkError(
                f"the prompt {item.id} cannot be written down as JSON in UTF-8: {error}; correct its text or metadata."
            ) from None
    return {"prompts": digest.hexdigest()}


def separated(settings: Mapping[str, Any], kind: type[BaseModel]) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings of a benchmark without those that say where files lie, and these by their dotted names.

    A place is told from the root, so that the run can be read from any folder; the name of a repository stays.
    """
    kept: dict[str, Any] = {}
    files: dict[str, str] = {}
    for name, value in settings.items():
        field = kind.model_fields.get(name)
        below = None if field is None else _section(field.annotation)
        if below is not None and isinstance(value, Mapping):
            kept[name], inside = separated(value, below)
            files |= {f"{name}.{key}": path for key, path in inside.items()}
        elif value is not None and field is not None and (name.endswith(SOURCE) or _is_path(field.annotation)):
            files[name] = str(Path(value).absolute()) if Path(value).exists() else str(value)
        else:
            kept[name] = value
    return kept, files


def joined(settings: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """The inverse of :func:`separated`."""
    whole = {name: dict(value) if isinstance(value, Mapping) else value for name, value in settings.items()}
    for dotted, path in files.items():
        section = whole
        *above, name = dotted.split(".")
        for part in above:
            section = section.setdefault(part, {})
        section[name] = path
    return whole


def _is_path(annotation: Any) -> bool:
    return annotation is Path or Path in get_args(annotation)


def _section(annotation: Any) -> type[BaseModel] | None:
    """The settings that a setting consists of, if it does."""
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
