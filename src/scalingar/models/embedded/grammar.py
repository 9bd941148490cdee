"""Reading a prompt of the embedded world: the longest phrase the vocabulary knows, word by word."""

import re
from dataclasses import dataclass
from functools import cache

from scalingar.models.embedded.vocabulary import COLORS, NUMBERS, OBJECT_CLASSES, RELATIONS, plurals

TERMINALS: tuple[str, ...] = ("", "and", *NUMBERS, *RELATIONS, *COLORS, *OBJECT_CLASSES)
"""What a prompt is made of, in the order of their ids; the first fills empty slots.

Terminal 0 is padding. "orange" stands twice: as a colour and as a fruit.
"""

_OBJECT_ID = {name: i for i, name in enumerate(OBJECT_CLASSES, len(TERMINALS) - len(OBJECT_CLASSES))}
_WORD_ID = {word: i for i, word in enumerate(TERMINALS[: -len(OBJECT_CLASSES)]) if word}
_FILLERS = frozenset(
    ("a", "an", "the", "photo", "picture", "image", "of", "with", "one", "is", "there", "on", "in", "to", "next")
)
_LONGEST = 3
"""Words of the longest phrase."""


@dataclass(frozen=True)
class ParsedPrompt:
    """Terminal ids in reading order, and the words that mean nothing to the model."""

    ids: tuple[int, ...]
    unknown: tuple[str, ...]

    @property
    def terminals(self) -> tuple[str, ...]:
        """The ids as words."""
        return tuple(TERMINALS[i] for i in self.ids)


def parse(prompt: str) -> ParsedPrompt:
    """Split a prompt into terminals. Articles and "photo of" carry nothing and are passed over.

    >>> parse("a photo of an orange cow and two dogs").terminals
    ('orange', 'cow', 'and', 'two', 'dog')
    """
    words = re.findall(r"[a-z0-9']+", prompt.lower())
    ids: list[int] = []
    unknown: list[str] = []
    at = 0
    while at < len(words):
        length, terminal = _match(words, at)
        if terminal is not None:
            ids.append(terminal)
        elif words[at] not in _FILLERS:
            unknown.append(words[at])
        at += length
    return ParsedPrompt(tuple(ids), tuple(unknown))


def _match(words: list[str], at: int) -> tuple[int, int | None]:
    """Words taken and the terminal they name, preferring long phrases."""
    for length in range(min(_LONGEST, len(words) - at), 0, -1):
        phrase = " ".join(words[at : at + length])
        if phrase in COLORS and _object_follows(words, at + length):
            return length, _WORD_ID[phrase]
        if phrase in _objects():
            return length, _objects()[phrase]
        if phrase in _WORD_ID:
            return length, _WORD_ID[phrase]
    return 1, None


def _object_follows(words: list[str], at: int) -> bool:
    """ "orange cow" is a colour and a cow, "orange" alone a fruit."""
    return any(
        " ".join(words[at : at + length]) in _objects() for length in range(1, min(_LONGEST, len(words) - at) + 1)
    )


@cache
def _objects() -> dict[str, int]:
    """Singulars and plurals, each to the id of its class."""
    return {form: _OBJECT_ID[name] for name in OBJECT_CLASSES for form in (name, *plurals(name))}
