"""Lists of prompts: text files, CSV, TSV, JSON and JSON lines, as editors and spreadsheets write them."""

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from scalingar.core.errors import ConfigError
from scalingar.core.text_file import decoded, lines_of, parse_json, read_text, reason
from scalingar.core.validation import shown

STANDARD_INPUT = "-"
"""Instead of a file, text lines that another program hands over."""
_PROMPT, _ID, _TAGS = ("prompt", "caption", "text"), ("id", "prompt_id"), ("tags", "tag", "category", "task")
"""What the columns, or the keys, are called, in any case; the first that is there counts."""
_ADVICE = (
    "give a text file with a prompt in each line, a .csv or .tsv with a column 'prompt', or a .jsonl of "
    '{"prompt": ...}'
)


@dataclass(frozen=True)
class ListedPrompt:
    """A prompt of a list.

    ``place``: where it stands, for messages. ``id``: what the list calls it, or else its number among different
    prompts, or where that is taken the next that is free. ``tags``: of a list that has some.
    """

    text: str
    place: str
    id: str = ""
    tags: tuple[str, ...] = ()


def read_prompt_list(path: str | Path) -> list[ListedPrompt]:
    """Prompts of a file, or for ``-`` of the standard input, at least one.

    ``.csv`` and ``.tsv`` have a first row of names, and commas, semicolons or tabs between columns; ``.jsonl`` and
    ``.json`` hold a text, or an object with such names, in each line, or one array of these. In ``.txt`` and files
    without an ending each line is a prompt, but for comments (#). Empty lines count nowhere, nor do byte order marks
    and carriage returns. Whole numbers stand for classes.

    Raises:
        ConfigError: the file cannot be read or is of another kind, a line has no prompt, or no line has one, or two
            different prompts have the same id.
    """
    name = "the standard input" if str(path) == STANDARD_INPUT else str(path)
    try:
        text = _standard_input() if str(path) == STANDARD_INPUT else read_text(path)
        listed = list(_prompts(text, Path(path).suffix.lower()))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the prompts in {name}: {reason(error)}; {_ADVICE}.") from None
    if not listed:
        raise ConfigError(f"{name} holds no prompts; {_ADVICE}.")
    return _named(listed, name)


def _standard_input() -> str:
    """Raises OSError, ValueError."""
    if sys.stdin is None:
        raise ValueError("it is closed")
    return decoded(sys.stdin.buffer.read())


def _prompts(text: str, suffix: str) -> Iterator[ListedPrompt]:
    """Raises ValueError."""
    if suffix in (".csv", ".tsv"):
        yield from _of_table(text, ",;\t" if suffix == ".csv" else "\t,;")
    elif suffix in (".jsonl", ".json"):
        yield from _of_json(text)
    elif suffix in (".txt", ""):
        stripped = ((number, line.strip()) for number, line in enumerate(lines_of(text), start=1))
        yield from (ListedPrompt(line, f"line {number}") for number, line in stripped if line and line[0] != "#")
    else:
        raise ValueError(f"it ends in {suffix}")


def _named(prompts: Sequence[ListedPrompt], name: str) -> list[ListedPrompt]:
    """With an id each, repeats of a prompt with that of the first. Raises ConfigError: an id of two prompts."""
    first: dict[str, ListedPrompt] = {}
    for prompt in prompts:
        first.setdefault(prompt.text, prompt)
    owners: dict[str, ListedPrompt] = {}
    for prompt in filter(lambda prompt: prompt.id, first.values()):
        if prompt.id in owners:
            raise ConfigError(
                f"{name}: {owners[prompt.id].place} and {prompt.place} have the same id {prompt.id!r}; give each "
                "prompt one of its own, or none."
            )
        owners[prompt.id] = prompt
    for number, (text, prompt) in enumerate(first.items()):
        if not prompt.id:
            free = next(name for name in map("{:05d}".format, count(number)) if name not in owners)
            owners[free] = first[text] = replace(prompt, id=free)
    return [replace(prompt, id=first[prompt.text].id) for prompt in prompts]


def _of_table(text: str, delimiters: str) -> Iterator[ListedPrompt]:
    """``delimiters``: the one that the first line has most of counts. Raises ValueError."""
    head = next(filter(str.strip, lines_of(text)), "")
    delimiter = max(delimiters, key=head.count)
    rows = _rows(text, delimiter)
    _, names = next(rows, (0, None))
    if names is None:
        return
    names = [_plain(name) for name in names]
    if not set(_PROMPT) & set(names):
        raise ValueError("it has no column 'prompt' in its first row")
    if twice := _twice(names):
        raise ValueError(f"it has the column {twice!r} twice")
    for number, row in rows:
        if len(row) != len(names):
            raise ValueError(
                f"the number of columns in line {number} is {len(row)} and in the first row {len(names)} (a prompt "
                f"that holds {delimiter!r} stands in quotes)"
            )
        yield _of_fields(dict(zip(names, row, strict=True)), f"line {number}")


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, and the lines where they begin. Raises ValueError."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {begins} is no row of a table ({error})") from None


def _of_json(text: str) -> Iterator[ListedPrompt]:
    """Of one array, or of a value in each line. Raises ValueError."""
    if text.lstrip().startswith("["):
        values = [(f"entry {number}", value) for number, value in enumerate(_parsed(text, "it"), start=1)]
    else:
        lines = [(f"line {number}", line) for number, line in enumerate(lines_of(text), start=1) if line.strip()]
        values = [(place, _parsed(line, place)) for place, line in lines]
    for place, value in values:
        if isinstance(value, dict):
            if twice := _twice(list(map(_plain, value))):
                raise ValueError(f"{place} has the key {twice!r} twice")
            yield _of_fields({_plain(name): field for name, field in value.items()}, place)
        else:
            yield _of_fields({"prompt": value}, place)


def _parsed(text: str, place: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise ValueError(f"{place} is no JSON ({error})") from None


def _plain(name: str) -> str:
    return name.strip().lower()


def _twice(names: Sequence[str]) -> str | None:
    """A name, not an empty one, that is there twice."""
    return next((name for name in names if name and names.count(name) > 1), None)


def _of_fields(fields: Mapping[str, Any], place: str) -> ListedPrompt:
    """Raises ValueError."""
    prompt, name, tags = (_first(fields, names) for names in (_PROMPT, _ID, _TAGS))
    if isinstance(prompt, int) and not isinstance(prompt, bool):  # the number of a class
        prompt = str(prompt)
    if prompt is None or prompt == "":
        raise ValueError(f"{place} has nothing under 'prompt'")
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError(f"{place} has {shown(prompt)} under 'prompt', which is no text")
    listed = tags.split(";") if isinstance(tags, str) else tags if isinstance(tags, list) else [tags]
    if any(isinstance(value, bool | float | list | dict) for value in [name, *listed]):
        raise ValueError(f"{place} has an id or a tag that is no text")
    words = dict.fromkeys(str(tag).strip() for tag in listed if tag is not None)
    return ListedPrompt(prompt.strip(), place, "" if name is None else str(name).strip(), tuple(filter(None, words)))


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The first of these fields that is there."""
    return next((fields[name] for name in names if name in fields), None)
