"""Prompts as a parser would give them, the parts of speech written behind the words."""

from types import SimpleNamespace
from typing import Any

_TAGS = {"n": "NOUN", "p": "PROPN"}


def document(tagged: str) -> list[Any]:
    """``"a dog/n near Paris/p"``; words without a tag are of no interest."""
    words = (word.partition("/") for word in tagged.split())
    return [SimpleNamespace(text=text, pos_=_TAGS.get(tag, "X")) for text, _, tag in words]
