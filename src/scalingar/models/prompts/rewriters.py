"""Rewriters: what writes a second prompt, which guides an image beside its own."""

import re
from collections.abc import Callable

from scalingar.core.errors import ConfigError, PromptError
from scalingar.core.registry import Registry, split_source
from scalingar.core.validation import shown
from scalingar.models.embedded.grammar import ParsedPrompt, parse
from scalingar.models.embedded.vocabulary import RELATIONS
from scalingar.models.prompts.encoders import check_prompts

Rewriter = Callable[[str], str]
"""The second prompt of a prompt; the same one where there is nothing to add. Raises PromptError."""

REWRITERS: Registry[Callable[..., Rewriter]] = Registry("rewriters")
"""Functions that make a rewriter, of the words after ``name:`` if there are any."""

_AND = re.compile(r"(?<![^\W_])and(?![^\W_])", re.IGNORECASE)
"""As the grammar reads it: an underscore parts words too."""


def build_rewriter(text: str) -> Rewriter:
    """That of ``name`` or ``name:words``. Raises ConfigError for an unknown one, missing words or superfluous ones."""
    name, words = split_source("rewriter", text)
    return REWRITERS[name](words)


def rewritten(text: str, prompt: str) -> str:
    """What :func:`build_rewriter`'s makes of a prompt. Raises ConfigError, PromptError."""
    second = build_rewriter(text)(prompt)
    if not isinstance(second, str):
        raise PromptError(f"the rewriter {text} makes {shown(second)} of {shown(prompt)}; it must give words.")
    check_prompts([second])
    return second


@REWRITERS.register("layout")
def layout(words: str | None) -> Rewriter:
    """Places one of two things left of the other, in the embedded world's grammar; other prompts stay."""
    if words is not None:
        raise ConfigError(f"the rewriter layout takes no words, and {shown(words)} follow; or write text:{words}.")
    return _placed


def _placed(prompt: str) -> str:
    """``and`` becomes ``left of`` between the only two things, where nothing is placed.

    >>> _placed("a photo of a dog and a cat"), _placed("a photo of three dogs")
    ('a photo of a dog left of a cat', 'a photo of three dogs')
    """
    parsed = parse(prompt)
    if parsed.unknown or not parsed.ids:
        unknown = ", ".join(map(repr, parsed.unknown)) or "it"
        raise PromptError(
            f"the rewriter layout knows the embedded world's words, and in {shown(prompt)} it does not know {unknown}; "
            "write the second prompt yourself, as text:WORDS."
        )
    return _AND.sub("left of", prompt) if _names_two_things(parsed) else prompt


def _names_two_things(parsed: ParsedPrompt) -> bool:
    """One right before the only ``and``, the other at the end, and nothing is placed."""
    words, things = parsed.terminals, parsed.objects
    if words.count("and") != 1 or set(RELATIONS) & set(words):
        return False
    return things == (words.index("and") - 1, len(words) - 1)


@REWRITERS.register("text")
def text(words: str | None) -> Rewriter:
    """Words of your own, for every prompt."""
    if words is None or not words.strip():
        raise ConfigError("the rewriter text needs the second prompt after a colon, as text:a dog left of a cat.")
    return lambda prompt: words
