"""Keeping passwords and keys out of messages, plans and results."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

STRUCK = "***"
_USER = re.compile(r"(?<=://)[^/\s@?#]+@")
_PARAMETER = re.compile(
    r"(?<=[?&])([^=&#\s]*(?:key|token|secret|sig|auth|pass|pwd|credential)[^=&#\s]*)=[^&#\s'\"]+", re.I
)


def struck(text: str, secrets: Iterable[str] = ()) -> str:
    """Text without ``secrets``, and without what addresses in it hold of users, passwords and keys.

    >>> struck("http://me:secret@host/v1?api_key=abc&size=3")
    'http://***@host/v1?api_key=***&size=3'
    """
    for secret in secrets:
        text = text.replace(secret, STRUCK) if secret else text
    return _PARAMETER.sub(rf"\1={STRUCK}", _USER.sub(f"{STRUCK}@", text))


def all_struck(value: Any) -> Any:
    """The same value with every text in it :func:`struck`."""
    if isinstance(value, str):
        return struck(value)
    if isinstance(value, Mapping):
        return {key: all_struck(inner) for key, inner in value.items()}
    return [all_struck(inner) for inner in value] if isinstance(value, list | tuple) else value
