"""Files written whole or not at all, and known by their content."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scalingar.core.errors import OutputError


def check_writable(folder: Path) -> None:
    """Create the folder if needed and try it, before any work is done. Raises OutputError."""
    trial = folder / f".{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise OutputError(f"cannot write to the folder {folder}: {error.strerror}; choose another one.") from None


def cache_folder(name: str) -> Path:
    """Where the user's machine keeps things called ``name`` between runs, unless told otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "scalingar" / name


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place beside ``path`` to write to, which takes its place in one go: a reader sees the old file or the new one.

    Nothing is left of it when writing fails.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()


def write_file(path: Path, content: bytes) -> None:
    """Put ``content`` in place by :func:`replacing`. Raises OutputError."""
    try:
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another folder.") from None


def sha256(path: Path) -> str:
    """Of a file's content, in hexadecimal; read piece by piece, because weights are large."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
