"""Names of tensors and files in messages."""

from collections.abc import Iterable

_SHOWN, _LONGEST = 3, 60


def listed_keys(keys: Iterable[str]) -> str:
    """The first few names, for a message; names too long for one are shortened."""
    names = list(keys)
    shown = ", ".join(repr(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…") for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
