"""Text and JSON that others wrote: no byte order mark comes in, no control character goes out to a terminal."""

import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

from scalingar.core.files import expanded

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HARMLESS = "\n\t"
_LONGEST_KEY = 60
"""Of a message."""


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file without its byte order mark; ``~`` is a home.

    Raises:
        OSError: it cannot be read. ValueError: it is no UTF-8 text. ConfigError: there is no such home.
    """
    return decoded(expanded(path).read_bytes())


def decoded(content: bytes) -> str:
    """The text of UTF-8 without its byte order mark. Raises ValueError."""
    if content.startswith(_UTF16):
        raise ValueError("it is no UTF-8 text but UTF-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no UTF-8 text (byte {error.start})") from None


def reason(error: Exception) -> str:
    """Why a file could not be read, in a few words."""
    return str(getattr(error, "strerror", None) or error)


def lines_of(text: str) -> list[str]:
    """Lines end at a line feed, with or without a carriage return, and nowhere else; U+2028 is a character."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError: no JSON, NaN, a key twice, or nested too deeply."""
    try:
        value = json.loads(text.removeprefix("\ufeff"), parse_constant=_no_number, object_pairs_hook=_object)
        if "\\ud" in text.lower():  # perhaps half a character
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half a character") from None
    except ValueError as error:
        if str(error).startswith("Exceeds the limit"):  # Python's, of digits
            raise ValueError("it holds a number of too many digits") from None
        raise
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice[:_LONGEST_KEY]!r} is there twice")
    return result


def printable(text: str) -> str:
    """The text with control characters, which could command a terminal, and reordering marks spelled out.

    >>> printable("a red \\x1b[2J dog")
    'a red \\\\x1b[2J dog'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(letter) if _commands(letter) else letter for letter in text)


def _commands(letter: str) -> bool:
    if letter in _HARMLESS:
        return False
    return (
        unicodedata.category(letter) in ("Cc", "Cs") or "\u202a" <= letter <= "\u202e" or "\u2066" <= letter <= "\u2069"
    )


def _spelled(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode() if letter > "\x7f" else f"\\x{ord(letter):02x}"
