"""Noun chunks of a prompt, by spaCy: "a red book and a yellow vase" has "a red book" and "a yellow vase"."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from scalingar.core.errors import PackageError
from scalingar.core.packages import require

NounChunks = Callable[[str], list[str]]
"""From a prompt to the things that it names."""
PIPELINE = "en_core_web_sm"
_PLACES = frozenset({"top", "the side", "the left", "the right"})
"""Chunks that T2I-CompBench ignores."""


def spacy_pipeline() -> Any:
    """spaCy's English pipeline, from prompts to documents. Raises PackageError if either is not installed."""
    require("reading T2I-CompBench's prompts", "compbench")
    import spacy  # noqa: PLC0415

    try:
        return spacy.load(PIPELINE)
    except OSError:
        raise PackageError(
            f"reading T2I-CompBench's prompts needs spaCy's pipeline {PIPELINE}, which no index has; run `python -m "
            f"spacy download {PIPELINE}`, or pip install its wheel, which spaCy's releases hold, from a file."
        ) from None


class EnglishParser:
    """spaCy's English pipeline, loaded at its first prompt."""

    @cached_property
    def pipeline(self) -> Any:
        """See :func:`spacy_pipeline`."""
        return spacy_pipeline()

    def __call__(self, prompt: str) -> Any:
        """The document. Raises PackageError."""
        return self.pipeline(prompt)


def things(document: Any) -> list[str]:
    """The noun chunks of a parsed prompt that name things, not places."""
    return [chunk.text for chunk in document.noun_chunks if chunk.text not in _PLACES]
