"""What a block of code warns of, whatever other threads do meanwhile."""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scalingar.core.errors import sentence


@contextmanager
def collected(*kinds: type[Warning]) -> Iterator[list[str]]:
    """Sentences of the warnings of these kinds that this thread gives inside the block; they are shown as usual, too.

    ``warnings.catch_warnings`` is no way to do this beside other threads: it puts back what they have changed.
    """
    _LISTENER.listen()
    told: list[str] = []
    _LISTENER.blocks.append((kinds, told))
    try:
        yield told
    finally:
        _LISTENER.blocks.pop()


class _Listener(threading.local):
    """``blocks``: of this thread, from the outermost."""

    before: Callable[..., Any] = warnings.showwarning
    """Of all threads: what shows warnings."""

    def __init__(self) -> None:
        self.blocks: list[tuple[tuple[type[Warning], ...], list[str]]] = []

    def listen(self) -> None:
        """Hear of warnings before they are shown, each time one is given."""
        with _LOCK:
            warnings.simplefilter("always", UserWarning, append=True)
            if warnings.showwarning is not _hear:
                type(self).before = staticmethod(warnings.showwarning)
                warnings.showwarning = _hear


def _hear(message: Warning | str, category: type[Warning], *others: Any, **more: Any) -> None:
    for kinds, told in _LISTENER.blocks:
        if issubclass(category, kinds):
            told.append(sentence(" ".join(str(message).split())))
    _Listener.before(message, category, *others, **more)


_LOCK = threading.Lock()
_LISTENER = _Listener()
