"""Names of files and folders made of other people's words: they stay inside their folder, and none is too long."""

import hashlib
import re
from pathlib import PurePosixPath

from scalingar.core.errors import BenchmarkError

LONGEST = 200
"""Bytes of a name: file systems take 255, some less, and writing a file takes a few more for a while."""
_FORBIDDEN = frozenset("/\\\0")
_MARKED = re.compile(r"~[0-9a-f]{8}\Z")
_HASH = 8
"""Hexadecimal digits that tell apart what would get the same name."""


def file_name(text: str, room: int = 0) -> str:
    """The text as a name, as it is where that is possible; ``room``: bytes to be left for what follows.

    Else separators and control characters become ``_``, the end is left out, and a hash of the text follows. The same
    text always gives the same name, and another text another one.

    >>> file_name("a red dog")
    'a red dog'
    >>> file_name("and/or")
    'and_or~81b9c7a1'
    """
    safe = "".join("_" if letter in _FORBIDDEN or not letter.isprintable() else letter for letter in text)
    if (
        safe == text
        and not _MARKED.search(text)
        and text not in ("", ".", "..")
        and len(text.encode()) + room <= LONGEST
    ):
        return text
    mark = "~" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
    kept = safe.encode("utf-8", "replace")[: LONGEST - room - len(mark)].decode("utf-8", "ignore")
    return kept + mark


def checked(path: str) -> str:
    """A relative path that stays inside the folder it is taken from. Raises BenchmarkError for any other."""
    parts = PurePosixPath(path).parts
    outside = path.startswith("/") or ".." in parts or "\\" in path or "\0" in path
    if outside or not parts or any(len(part.encode("utf-8", "replace")) > LONGEST for part in parts):
        raise BenchmarkError(f"{path[:80]!r} is no path inside a folder of images; change the id of its prompt.")
    return path
