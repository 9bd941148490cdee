"""Separating prompt and settings among the words of a command."""

import re
from collections.abc import Sequence

import typer

_SETTING = re.compile(r"[A-Za-z_][\w.]*=")


def split_words(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The prompt, if there is one, and every ``key=value``. More than one prompt is wrong usage."""
    settings = [word for word in words if _SETTING.match(word)]
    prompts = [word for word in words if not _SETTING.match(word)]
    if len(prompts) > 1:
        raise typer.BadParameter(f"{prompts[0]!r} and {prompts[1]!r} are two prompts; put the prompt in quotes")
    return (prompts[0] if prompts else None), settings
