"""Writing to a terminal or file of any encoding, without passing on commands that hide in texts of others."""

import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.text import Text

from scalingar.core.text_file import printable


def spell_out_unknown_letters() -> None:
    """From now on, a letter that the output's encoding does not have is written as its number."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # what tests or other programs put in their place
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def say(text: object, *, end: str = "\n", to_stderr: bool = False, flush: bool = False) -> None:
    """Print, with control characters spelled out."""
    print(printable(str(text)), end=end, file=sys.stderr if to_stderr else sys.stdout, flush=flush)


def counted(number: int, what: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number} {what}{'s' * (number != 1)}"


def can_write(text: str) -> bool:
    """Whether the encoding of stdout has all of its letters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class SafeConsole(Console):
    """A console of rich that spells out control characters in what it is given; colours are its own."""

    def render_str(self, text: str, **settings: Any) -> Text:
        """As rich does; here the width of what is spelled out is still counted."""
        return super().render_str(printable(text), **settings)

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich does."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style, None)


def console(*, stderr: bool = False, highlight: bool = True) -> SafeConsole:
    """A console that takes brackets for text."""
    return SafeConsole(stderr=stderr, markup=False, highlight=highlight)
