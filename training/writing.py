"""Files that are replaced whole, so that a killed run leaves no half ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from scalingar.core.files import make_folder, replacing, sweep


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """What is written replaces ``path`` when the block ends, and not if it fails; its folder is made if needed."""
    make_folder(path.parent)
    sweep(path.parent)
    with replacing(path) as partial, partial.open("wb") as file:
        yield file
