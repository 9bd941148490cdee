"""Atomic writes that survive a loss of power, what killed ones leave behind, and content hashes."""

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from scalingar.core.errors import ConfigError, OutputError
from scalingar.core.locks import LOCK, LockedError, acquire, release

_PREFIX, _SUFFIX = ".scalingar-", ".partial"
"""Of the names of folders in which files are written before they are moved to their places."""
_TRIAL = 4096
"""Bytes written to see whether a disk is full."""


def check_writable(folder: Path) -> None:
    """Create the folder if needed, remove what killed processes left in it, and write to it as a test.

    Raises:
        OutputError: it cannot be written to.
    """
    try:
        make_folder(folder)
        sweep(folder)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(_TRIAL))
            trial.flush()
    except OSError as error:
        raise OutputError(f"cannot write to the folder {folder}: {error.strerror}; choose another one.") from None


def check_empty(folder: Path, what: str) -> None:
    """Raises OutputError for a folder that holds anything but its lock; ``what`` is to be written there."""
    if any(path.name != LOCK for path in folder.iterdir()):
        raise OutputError(f"the folder {folder} is not empty; give a new one for the {what}.")


@contextmanager
def results_in(folder: Path) -> Iterator[None]:
    """A folder that can be written to, as :func:`check_writable` sees to; if the block fails and leaves nothing in it,
    it is removed again with the parents that were made for it.

    Raises:
        OutputError: it cannot be written to.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    check_writable(folder)
    try:
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):  # it holds something
                path.rmdir()
        raise


def expanded(path: str | Path) -> Path:
    """The path with ``~`` or ``~user`` replaced by the home.

    Raises ConfigError where there is no such home, and for an empty text, which would be the present folder.
    """
    if path == "":
        raise ConfigError("a path is empty; write '.' for the present folder, or leave it out.")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{path} cannot be found: there is no home of that name; write the whole path.") from None


NO_HOME = Path(os.devnull) / "no home directory"
"""A folder that cannot be made."""


def make_folder(folder: Path) -> None:
    """Create a folder with its parents, and wait until they are on disk. Raises OSError."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync_folder(path.parent)


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
def staging(folder: Path) -> Iterator[Path]:
    """A new folder inside ``folder`` for files on their way to their places; removed at the end.

    Its name cannot be foreseen and only this user can write into it, so no link can wait there. It is locked while
    this process lives; :func:`sweep` removes the folders of processes that were killed. Raises OSError.
    """
    while True:
        stage = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
        stage.mkdir(mode=0o700)
        try:
            lock = acquire(stage / "lock")
            break
        except (LockedError, FileNotFoundError):  # it was swept before it was locked
            continue
        except OSError:
            shutil.rmtree(stage, ignore_errors=True)
            raise
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        release(lock, stage / "lock")


def sweep(folder: Path) -> None:
    """Remove what was staged in ``folder`` by processes that are no more."""
    with suppress(OSError):
        for stage in [stage for stage in folder.glob(f"{_PREFIX}*{_SUFFIX}") if not stage.is_symlink()]:
            with suppress(LockedError, OSError):  # its process lives; or it is no folder, or not this user's
                lock = acquire(stage / "lock")
                shutil.rmtree(stage, ignore_errors=True)
                release(lock, stage / "lock")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path that replaces ``path`` atomically, and on disk, when the block ends; not if it fails. Raises OSError."""
    with staging(path.parent) as stage:
        partial = stage / "content"
        yield partial
        _sync(partial)
        partial.replace(path)
        _sync_folder(path.parent)


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically. Raises OutputError."""
    write_files(path.parent, {path.name: content})


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files under their paths in ``folder``, creating folders between them, and wait until they are on disk.

    Each is replaced atomically, and none before the contents of all are on disk: where that is full, all stay as they
    were. Raises OutputError.
    """
    path = folder / next(iter(contents), "")
    try:
        with staging(folder) as stage:
            for number, (name, content) in enumerate(contents.items()):
                path = folder / name
                partial = stage / str(number)
                partial.write_bytes(content)
                _sync(partial)
            for number, name in enumerate(contents):
                path = folder / name
                make_folder(path.parent)
                (stage / str(number)).replace(path)
            for parent in {(folder / name).parent for name in contents}:
                _sync_folder(parent)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another folder.") from None


def numbered(path: Path, suffix: str = "") -> Iterator[Path]:
    """The path, and those beside it with a number from 2 on before their suffix: what is there is not replaced."""
    yield path
    base = path if path.name not in ("", "..") else path / "results"
    yield from (base.with_name(f"{base.name.removesuffix(suffix)}-{number}{suffix}") for number in count(2))


def free_folder(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """The first of the numbered folders in which no file of these names says something else. Raises OutputError."""
    return next(
        place for place in numbered(folder) if all(_is_free(place / name, told) for name, told in contents.items())
    )


def write_beside(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Write files into their free folder, which is made if needed; returns it. Raises OutputError."""
    place = free_folder(folder, contents)
    check_writable(place)
    write_files(place, contents)
    return place


def free_file(path: Path, content: bytes) -> Path:
    """The first of the numbered paths that does not hold something else. Raises OutputError."""
    return next(place for place in numbered(path, path.suffix) if _is_free(place, content))


def _is_free(path: Path, content: bytes) -> bool:
    try:
        return not path.exists() or path.read_bytes() == content
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another folder.") from None


def append(path: Path, content: bytes) -> None:
    """Append to a file, which is made if needed but is no link, and wait until it is on disk. Raises OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    new = not path.exists()
    with os.fdopen(os.open(path, flags, 0o666), "ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if new:
        _sync_folder(path.parent)


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file's content, read in chunks because weights are large."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(path: Path) -> str:
    """Hexadecimal digest of a file, or of the names and contents of all files in a folder. Raises OSError."""
    if not path.is_dir():
        return sha256(path)
    files = sorted((str(file.relative_to(path)), sha256(file)) for file in path.rglob("*") if file.is_file())
    return hashlib.sha256(repr(files).encode()).hexdigest()


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk, where the system can tell."""
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
