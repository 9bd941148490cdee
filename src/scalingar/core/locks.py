"""Locks on files that end with their process, however it ends, so that nothing is left to clean up after a kill."""

import os
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from scalingar.core.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows has no such locks; there it is up to the user that one process writes
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
_PAUSE = 0.05
"""Seconds between two attempts while waiting."""


class LockWarning(UserWarning):
    """The file system has no locks."""


class LockedError(Exception):
    """Another process, or another part of this one, holds the lock. The message says who."""


@contextmanager
def sole_writer(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Be the only one who writes into ``folder``, which must exist; with ``wait``, as soon as the others are done.

    The lock is on the file ``.lock``, which says who holds it and is removed at the end. One that a killed process
    left is not locked any more, and is taken over.

    Raises:
        OutputError: someone else writes there, or the folder cannot be written to.
    """
    with _held(folder / LOCK, folder, wait=wait):
        yield


@contextmanager
def sole_writer_of(file: Path) -> Iterator[None]:
    """Be the only one who writes this file, by a lock beside it; its folder must exist. Raises OutputError."""
    with _held(file.with_name(f".{file.name}{LOCK}"), file, wait=False):
        yield


@contextmanager
def _held(path: Path, written: Path, *, wait: bool) -> Iterator[None]:
    try:
        lock = _waited(path) if wait else acquire(path)
    except LockedError as error:
        raise OutputError(
            f"{written} is being written by {error}; wait until it is done, or choose another place."
        ) from None
    except OSError as error:
        raise OutputError(f"cannot write to the folder {path.parent}: {error.strerror}; choose another one.") from None
    try:
        yield
    finally:
        release(lock, path)


def acquire(path: Path) -> int:
    """Lock the file ``path``, made if needed, for this process alone; returns its descriptor for :func:`release`.

    Raises:
        LockedError: it is locked. OSError: it cannot be made.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            _lock(file, path)
            if _is_at(file, path):  # else its holder has removed it since it was opened
                os.ftruncate(file, 0)
                started = datetime.now().astimezone().isoformat(" ", "seconds")
                os.write(file, f"process {os.getpid()} on {socket.gethostname()} since {started}".encode())
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def writer_of(folder: Path) -> str | None:
    """Who writes into ``folder`` at the moment; None where nobody does, or where that cannot be known."""
    try:
        file = os.open(folder / LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        _lock(file, folder / LOCK)
    except LockedError as error:
        return str(error)
    finally:
        os.close(file)
    return None


def release(file: int, path: Path) -> None:
    """Remove and unlock the file."""
    with suppress(OSError):
        path.unlink()
    os.close(file)


def _waited(path: Path) -> int:
    while True:
        try:
            return acquire(path)
        except LockedError:
            time.sleep(_PAUSE)


def _lock(file: int, path: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(os.pread(file, 200, 0).decode("utf-8", "replace") or "another process") from None
    except OSError as error:
        message = f"{path.parent} cannot be locked ({error.strerror}); see to it that one process at a time writes"
        warnings.warn(message, LockWarning, stacklevel=5)


def _is_at(file: int, path: Path) -> bool:
    """Whether the open file is the one that is found at ``path``."""
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(file))
