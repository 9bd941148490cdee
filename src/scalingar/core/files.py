"""Atomic writes and content hashes."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scalingar.core.errors import ConfigError, OutputError


def check_writable(folder: Path) -> None:
    """Create the folder if needed and write to it as a test. Raises OutputError."""
    trial = folder / f".{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise OutputError(f"cannot write to the folder {folder}: {error.strerror}; choose another one.") from None


def expanded(path: str | Path) -> Path:
    """The path with ``~`` or ``~user`` replaced by the home. Raises ConfigError where there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{path} cannot be found: there is no home of that name; write the whole path.") from None


NO_HOME = Path(os.devnull) / "no home directory"
"""A folder that cannot be made."""


def cache_folder(name: str) -> Path:
    """The folder for cached files of kind ``name``, under ``XDG_CACHE_HOME`` or ``~/.cache``.

    Without a home it is one that cannot be written, which each cache takes as it takes any other such folder.
    """
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    except RuntimeError:
        base = NO_HOME
    return base / "scalingar" / name


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that replaces ``path`` atomically when the block ends, and is removed when it fails."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically. Raises OutputError."""
    try:
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another folder.") from None


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file's content, read in chunks because weights are large."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
