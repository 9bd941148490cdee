"""What T2I-CompBench reads out of a parsed prompt: the two things of a relation, and how many of what."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

Parse = Callable[[str], Any]
"""From a prompt to spaCy's document, or to anything whose tokens have ``text`` and ``pos_``."""
ONE = ("a", "an", "one")
NUMBERS = {**dict.fromkeys(ONE, 1), "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
PREPOSITIONS = ("on top of", "on bottom of", "on the left", "on the right", "next to", "on side of", "near")


def first_and_last_noun(document: Any) -> tuple[str, str] | None:
    """The things of a prompt such as "a dog on the left of a cat"; None without a noun."""
    nouns = [token.text for token in document if token.pos_ == "NOUN"]
    return (nouns[0], nouns[-1]) if nouns else None


def around_preposition(document: Any) -> tuple[str, str] | None:
    """The nouns before and after the one preposition of a long prompt; None unless exactly two are found."""
    tokens = list(document)
    things: list[str] = []
    for start in range(len(tokens)):
        size = next((n for n in (3, 2, 1) if _text(tokens[start : start + n]) in PREPOSITIONS), None)
        if size is not None:
            before = [token.text for token in tokens[:start] if token.pos_ in ("NOUN", "PROPN")]
            things += before[-1:] + _after(tokens[start + size :])
    return (things[0], things[1]) if len(things) == 2 else None


def _after(tokens: Sequence[Any]) -> list[str]:
    """The first noun, or else the last word of the first name that something follows."""
    nouns = [token.text for token in tokens if token.pos_ == "NOUN"]
    ends = [one for one, following in pairwise(tokens) if one.pos_ == "PROPN" and following.pos_ != "PROPN"]
    names = [token.text for token in ends]
    return (nouns or names)[:1]


def counted_things(document: Any, singulars: Mapping[str, str]) -> list[tuple[str, int]]:
    """The things that follow a number word, in the singular, and their number.

    ``singulars``: the singular of each plural that the benchmark knows. Names have one or two words; the longer wins.
    """
    words = [token.text for token in document]
    known = {*singulars, *singulars.values()}
    things = []
    for place, word in enumerate(words):
        pairs = (" ".join(words[place + 1 : place + 1 + n]) for n in (2, 1))
        name = next((name for name in pairs if name in known), None)
        if word in NUMBERS and name is not None:
            # As upstream: a singular of two words is one thing, whatever the number before it.
            alone = word in ONE or (" " in name and name not in singulars)
            things.append((singulars.get(name, name), 1 if alone else NUMBERS[word]))
    return things


def _text(tokens: Sequence[Any]) -> str:
    return " ".join(token.text for token in tokens)
