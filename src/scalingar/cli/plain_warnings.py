"""Warnings as plain lines on stderr, for every command."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scalingar.cli.terminal import say

_MOST = 10_000
"""Lines that are remembered: a server goes on for long."""


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings as single lines on stderr, the same one only once."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        text = " ".join(str(message).split())
        if text not in shown:
            if len(shown) >= _MOST:
                shown.clear()
            shown.add(text)
            say(f"warning: {text}", to_stderr=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning, append=True)
        warnings.showwarning = show
        yield
