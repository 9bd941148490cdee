"""Noun chunks of a prompt, by spaCy: "a red book and a yellow vase" has "a red book" and "a yellow vase"."""

from collections.abc import Callable
from typing import Any

from scalingar.core.errors import ConfigError

NounChunks = Callable[[str], list[str]]
"""From a prompt to the things that it names."""
PIPELINE = "en_core_web_sm"
_PLACES = frozenset({"top", "the side", "the left", "the right"})
"""Chunks that T2I-CompBench ignores."""


def spacy_pipeline() -> Any:
    """spaCy's English pipeline, from prompts to documents. Raises ConfigError if either is not installed."""
    try:
        import spacy  # noqa: PLC0415

        return spacy.load(PIPELINE)
    except (ImportError, OSError):
        raise ConfigError(
            f"T2I-CompBench's prompts need spaCy and its pipeline {PIPELINE}; install scalingar[compbench] and run "
            f"`python -m spacy download {PIPELINE}`."
        ) from None


def things(document: Any) -> list[str]:
    """The noun chunks of a parsed prompt that name things, not places."""
    return [chunk.text for chunk in document.noun_chunks if chunk.text not in _PLACES]
