"""Lists of prompts: text files, CSV, TSV, JSON and JSON lines, as editors and spreadsheets write them."""

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scalingar.core.errors import ConfigError
from scalingar.core.text_file import decoded, lines_of, parse_json, read_text, reason
from scalingar.core.validation import shown

STANDARD_INPUT = "-"
"""Instead of a file, text lines that another program hands over."""
NAMES = ("prompt", "caption", "text")
"""What the column, or the key, of the prompts is called, in any case; the first that is there counts."""
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True)
class ListedPrompt:
    """A prompt of a list."""

    text: str
    line: int
    """Where it begins, from 1; of a JSON array its number."""
    others: Mapping[str, Any] = field(default_factory=dict)
    """What else its row or object says, by column or key."""


def read_prompt_list(path: str | Path) -> list[ListedPrompt]:
    """Prompts of a file, or for ``-`` of the standard input, at least one.

    ``.csv`` and ``.tsv`` have a column of one of the :data:`NAMES`, or no other column; ``.jsonl`` a text or an object
    with such a key in each line; ``.json`` an array of these. Of other files each line is a prompt, but for comments
    (#). Empty lines count nowhere, nor do byte order marks and carriage returns.

    Raises:
        ConfigError: the file cannot be read, or a line has no prompt, or no line has one.
    """
    name = "the standard input" if str(path) == STANDARD_INPUT else str(path)
    try:
        text = decoded(sys.stdin.buffer.read()) if str(path) == STANDARD_INPUT else read_text(path)
        prompts = list(_prompts(text, Path(path).suffix.lower()))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read the prompts in {name}: {reason(error)}; give a text file with one in each line, or a .csv, "
            ".tsv, .json or .jsonl with a column or key 'prompt'."
        ) from None
    if not prompts:
        raise ConfigError(f"{name} holds no prompts; write one in each line.")
    return prompts


def _prompts(text: str, suffix: str) -> Iterator[ListedPrompt]:
    """Raises ValueError."""
    if suffix in _DELIMITERS:
        yield from _of_rows(text, _DELIMITERS[suffix])
    elif suffix == ".jsonl":
        numbered = enumerate(lines_of(text), start=1)
        yield from (_of_json(_parsed(line, number), number) for number, line in numbered if line.strip())
    elif suffix == ".json":
        values = parse_json(text)
        if not isinstance(values, list):
            raise ValueError("it is no array")
        yield from (_of_json(value, number) for number, value in enumerate(values, start=1))
    else:
        stripped = ((number, line.strip()) for number, line in enumerate(lines_of(text), start=1))
        yield from (ListedPrompt(line, number) for number, line in stripped if line and not line.startswith("#"))


def _parsed(line: str, number: int) -> Any:
    try:
        return parse_json(line)
    except ValueError as error:
        raise ValueError(f"line {number} is no JSON ({error})") from None


def _of_json(value: Any, number: int) -> ListedPrompt:
    others = dict(value) if isinstance(value, dict) else {}
    key = _first_name(list(others))
    prompt = value if key is None else others.pop(key)
    if isinstance(prompt, int) and not isinstance(prompt, bool):  # the number of a class
        prompt = str(prompt)
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError(f"entry {number} is {shown(value)}, without a 'prompt'")
    return ListedPrompt(prompt.strip(), number, others)


def _of_rows(text: str, delimiter: str) -> Iterator[ListedPrompt]:
    rows = list(_rows(text, delimiter))
    if not rows:
        return
    head = [cell.strip() for cell in rows[0][1]]
    name = _first_name(head)
    if name is None:
        widest = max(rows, key=lambda row: len(row[1]))
        if len(widest[1]) > 1:
            raise ValueError(
                f"line {widest[0]} has {len(widest[1])} columns, and the first line calls none of them 'prompt'"
            )
        head, name = ["prompt"], "prompt"
    else:
        del rows[0]
    for number, row in rows:
        cells = dict(zip(head, row, strict=False))
        if len(row) > len(head):
            raise ValueError(f"line {number} has {len(row)} columns, the first one {len(head)}; put texts in quotes")
        prompt = cells.pop(name, "").strip()
        if not prompt:
            raise ValueError(f"line {number} has an empty {name!r}")
        yield ListedPrompt(prompt, number, cells)


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


def _first_name(names: Sequence[str]) -> str | None:
    lowered = {name.strip().lower(): name for name in reversed(names)}
    return next((lowered[name] for name in NAMES if name in lowered), None)
