"""Files written whole or not at all, and known by their content."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from scalingar.errors import OutputError


def check_writable(folder: Path) -> None:
    """Create the folder if needed and try it, before any work is done. Raises OutputError."""
    trial = folder / f".{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise OutputError(f"cannot write to the folder {folder}: {error.strerror}; choose another one.") from None


def write_file(path: Path, content: bytes) -> None:
    """Put ``content`` in place in one go: a reader sees the old file or the new one. Raises OutputError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another folder.") from None
    finally:
        with suppress(OSError):
            partial.unlink()


def sha256(path: Path) -> str:
    """Of a file's content, in hexadecimal; read piece by piece, because weights are large."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
