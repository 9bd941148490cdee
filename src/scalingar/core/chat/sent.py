"""Requests to models behind endpoints, counted for whoever has them sent; what nobody counts is nobody's."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Sent:
    """Requests of a block."""

    count: int = 0


_counted: ContextVar[Sent | None] = ContextVar("_counted", default=None)


@contextmanager
def counting() -> Iterator[Sent]:
    """Those that this thread notes until the block ends."""
    sent = Sent()
    before = _counted.set(sent)
    try:
        yield sent
    finally:
        _counted.reset(before)


def note(requests: int) -> None:
    """The present thread has caused so many."""
    if (sent := _counted.get()) is not None:
        sent.count += requests
