"""The things a prompt names, by spaCy: "a red book and a yellow vase" names "a red book" and "a yellow vase"."""

from collections.abc import Callable
from typing import Any

from scalingar.core.errors import ConfigError

NounChunks = Callable[[str], list[str]]
PIPELINE = "en_core_web_sm"
_PLACES = frozenset({"top", "the side", "the left", "the right"})
"""Chunks T2I-CompBench passes over."""


def spacy_chunks(pipeline: str = PIPELINE) -> NounChunks:
    """A function of prompts. Raises ConfigError where spaCy or its English pipeline is not installed."""
    try:
        import spacy  # noqa: PLC0415

        nlp = spacy.load(pipeline)
    except (ImportError, OSError):
        raise ConfigError(
            f"T2I-CompBench's questions need spaCy and its pipeline {pipeline}; install scalingar[compbench] and run "
            f"`python -m spacy download {pipeline}`."
        ) from None
    return lambda prompt: things(nlp(prompt))


def things(document: Any) -> list[str]:
    """The noun chunks of a parsed prompt, places left out."""
    return [chunk.text for chunk in document.noun_chunks if chunk.text not in _PLACES]
