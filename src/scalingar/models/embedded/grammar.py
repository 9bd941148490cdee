"""Parsing prompts of the embedded world, by longest match with its vocabulary."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Int
from torch import Tensor

from scalingar.models.embedded.vocabulary import COLORS, NUMBERS, OBJECT_CLASSES, RELATIONS, plurals

TERMINALS: tuple[str, ...] = ("", "and", *NUMBERS, *RELATIONS, *COLORS, *OBJECT_CLASSES)
"""Words and phrases by id. Terminal 0 is padding; "orange" occurs twice, as a colour and as a fruit."""

_OBJECT_ID = {name: i for i, name in enumerate(OBJECT_CLASSES, len(TERMINALS) - len(OBJECT_CLASSES))}
_WORD_ID = {word: i for i, word in enumerate(TERMINALS[: -len(OBJECT_CLASSES)]) if word}
_FILLERS = frozenset(
    ("a", "an", "the", "photo", "picture", "image", "of", "with", "one", "is", "there", "on", "in", "to", "next")
)
_LONGEST = 3
"""Words in the longest phrase."""


@dataclass(frozen=True)
class ParsedPrompt:
    """Terminal ids in reading order, and words that are not in the vocabulary."""

    ids: tuple[int, ...]
    unknown: tuple[str, ...]

    @property
    def terminals(self) -> tuple[str, ...]:
        """The ids as words."""
        return tuple(TERMINALS[i] for i in self.ids)

    @property
    def objects(self) -> tuple[int, ...]:
        """Where among the ids object classes stand."""
        return tuple(place for place, i in enumerate(self.ids) if i in _OBJECT_ID.values())


def parse(prompt: str) -> ParsedPrompt:
    """Split a prompt into terminals, ignoring articles and "photo of".

    >>> parse("a photo of an orange cow and two dogs").terminals
    ('orange', 'cow', 'and', 'two', 'dog')
    """
    words = list(_words(prompt))
    ids: list[int] = []
    unknown: list[str] = []
    position = 0
    while position < len(words):
        length, terminal = _match(words, position)
        if terminal is not None:
            ids.append(terminal)
        elif words[position] not in _FILLERS:
            unknown.append(words[position])
        position += length
    return ParsedPrompt(tuple(ids), tuple(unknown))


def word_ids(prompt: str, slots: int) -> Int[Tensor, " slots"]:
    """The first terminals of a prompt, followed by 0 where there are fewer than ``slots``."""
    ids = parse(prompt).ids[:slots]
    return torch.tensor([*ids, *[0] * (slots - len(ids))], dtype=torch.long)


def _words(prompt: str) -> Iterator[str]:
    """Words of any script in lower case. Letters without case, as of Chinese, and pictures part from other letters."""
    word, kind = "", ""
    for letter in unicodedata.normalize("NFC", prompt).lower():
        own = _kind(letter) or kind
        if not own:
            continue  # a mark of nothing
        if word and own != kind:
            yield word
        word = letter if own != kind else word + letter
        kind = own
        if kind == " ":
            word, kind = "", ""
    if word:
        yield word


def _kind(letter: str) -> str:
    """``a`` of words with case and of digits, ``l`` of other letters, ``s`` of pictures, a space between words.

    Empty for marks and joiners, which belong to what stands before them.
    """
    if letter.isascii():
        return "a" if letter.isalnum() or letter == "'" else " "
    category = unicodedata.category(letter)
    if category[0] == "M" or category == "Cf":
        return ""
    if category in ("So", "Sk"):
        return "s"
    return "l" if category == "Lo" else "a" if category[0] in "LN" else " "


def _match(words: list[str], position: int) -> tuple[int, int | None]:
    """Number of words of the longest matching phrase, and its terminal."""
    for length in range(min(_LONGEST, len(words) - position), 0, -1):
        phrase = " ".join(words[position : position + length])
        if phrase in COLORS and _object_follows(words, position + length):
            return length, _WORD_ID[phrase]
        if phrase in _objects():
            return length, _objects()[phrase]
        if phrase in _WORD_ID:
            return length, _WORD_ID[phrase]
    return 1, None


def _object_follows(words: list[str], position: int) -> bool:
    """Tells the colour in "orange cow" from the fruit, which is "orange" alone."""
    return any(
        " ".join(words[position : position + length]) in _objects()
        for length in range(1, min(_LONGEST, len(words) - position) + 1)
    )


@cache
def _objects() -> dict[str, int]:
    """Terminal ids of the object classes, by singular and plural."""
    return {form: _OBJECT_ID[name] for name in OBJECT_CLASSES for form in (name, *plurals(name))}
