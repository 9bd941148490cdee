"""Prompts of one's own in a file of text, CSV or JSON lines, with ids and tags."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalingar.bench.benchmark import Item, shortened
from scalingar.bench.data_files import read_text
from scalingar.core.errors import BenchmarkError
from scalingar.core.text_file import lines_of, parse_json

ALL = "all"
"""The task of prompts without a tag."""
_PROMPT, _ID, _TAGS = ("prompt", "caption", "text"), ("id", "prompt_id"), ("tags", "tag", "category", "task")
_ADVICE = "give a .txt of one prompt a line, a .csv with a column 'prompt', or a .jsonl of {\"prompt\": ...}"


@dataclass(frozen=True)
class Row:
    """A prompt, where it stands, and what the file says of it."""

    place: str
    prompt: str
    id: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class PromptFile:
    """``left_out``: a sentence on rows that are not used; empty if all are."""

    items: list[Item]
    left_out: str = ""


def read_prompts(path: Path) -> PromptFile:
    """The prompts in their order; the task is the tag, or several joined by ``+``. Prompts without an id are numbered.

    A prompt that is there twice is used once.

    Raises:
        BenchmarkError: the file cannot be read, holds no prompts or an id twice, or is of another kind.
    """
    rows = list(_rows(path))
    first: dict[str, Row] = {}
    repeats = []
    for row in rows:
        if row.prompt in first:
            repeats.append(f"{row.place} says what {first[row.prompt].place} does")
        else:
            first[row.prompt] = row
    if not first:
        raise BenchmarkError(f"{path} holds no prompts; {_ADVICE}.")
    items = [_item(number, row) for number, row in enumerate(first.values())]
    ids = [item.id for item in items]
    if twice := next((name for name in ids if ids.count(name) > 1), None):
        raise BenchmarkError(f"{path} has the id {twice!r} twice; ids name the folders of images: change one.")
    return PromptFile(items, f"{path}: {shortened(repeats)}; each prompt is used once." if repeats else "")


def _item(number: int, row: Row) -> Item:
    metadata = {"tags": list(row.tags)} if len(row.tags) > 1 else {}
    return Item(row.id or f"{number:05d}", row.prompt, "+".join(row.tags) or ALL, metadata)


def _rows(path: Path) -> Iterator[Row]:
    """Rows by the ending of the file's name; blank ones are none."""
    kind = path.suffix.lower()
    if kind not in _READERS:
        raise BenchmarkError(f"{path} ends in none of {', '.join(_READERS)}; {_ADVICE}.")
    text = read_text(path, _ADVICE)
    return (row for row in _READERS[kind](path, text) if row.prompt)


def _text_rows(path: Path, text: str) -> Iterator[Row]:
    """A prompt a line; lines that begin with ``#`` are comments."""
    for number, line in enumerate(lines_of(text), 1):
        if not line.lstrip().startswith("#"):
            yield Row(f"line {number}", line.strip())


def _csv_rows(path: Path, text: str) -> Iterator[Row]:
    """Columns by their names in the first row; commas, semicolons or tabs between them."""
    head = next(iter(lines_of(text)), "")
    separator = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        if not set(_PROMPT) & set(names):
            raise BenchmarkError(f"{path} has no column 'prompt' in its first row; {_ADVICE}.")
        for fields in reader:
            if None in fields or None in fields.values():
                raise BenchmarkError(
                    f"{path}, line {reader.line_num} has another number of columns than the first; put a prompt that "
                    f"holds {separator!r} in quotes."
                )
            yield _row(path, f"line {reader.line_num}", fields)
    except csv.Error as error:
        raise BenchmarkError(f"{path}, line {reader.line_num} is no CSV ({error}); {_ADVICE}.") from None


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    """JSON lines, or one JSON list; an entry may be a prompt alone."""
    place = "it"
    try:
        if text.lstrip().startswith("["):
            entries = [(f"row {number}", entry) for number, entry in enumerate(parse_json(text), 1)]
        else:
            entries = []
            for number, line in enumerate(lines_of(text), 1):
                place = f"line {number}"
                entries += [(place, parse_json(line))] if line.strip() else []
    except ValueError as error:
        raise BenchmarkError(f"{path}: {place} is no JSON ({error}); {_ADVICE}.") from None
    for place, entry in entries:
        yield _row(path, place, {"prompt": entry} if isinstance(entry, str) else entry)


def _row(path: Path, place: str, fields: Any) -> Row:
    prompt = _first(fields, _PROMPT) if isinstance(fields, Mapping) else None
    if not isinstance(prompt, str):
        raise BenchmarkError(f"{path}, {place} has no text under 'prompt'; {_ADVICE}.")
    name, tags = _first(fields, _ID), _first(fields, _TAGS)
    listed = tags.split(";") if isinstance(tags, str) else tags if isinstance(tags, list) else [tags]
    told = [name, *listed]
    if any(isinstance(value, bool | float | list | dict) for value in told):
        raise BenchmarkError(f"{path}, {place} has an id or a tag that is no text; write it in quotes.")
    words = tuple(dict.fromkeys(str(tag).strip() for tag in listed if tag is not None))
    return Row(place, prompt.strip(), str(name).strip() if name not in (None, "") else None, tuple(filter(None, words)))


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The first of these fields that is there."""
    return next((fields[name] for name in names if name in fields), None)


_READERS = {".txt": _text_rows, ".csv": _csv_rows, ".tsv": _csv_rows, ".jsonl": _json_rows, ".json": _json_rows}
