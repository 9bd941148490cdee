"""Parts that an analysis draws one after the other, kept in a folder with the plan that decides their bytes."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scalingar.core.errors import OutputError
from scalingar.core.files import check_writable, replacing, write_file

Bar = Callable[[Sequence[Any]], Iterable[Any]]
"""Shows how far a loop is."""
Columns = dict[str, Any]
"""Arrays by name, whose first axis is prompts."""


@dataclass(frozen=True)
class KeptParts:
    """The parts in ``folder``, of ``together`` prompts each; ``what``: what they are called."""

    folder: Path
    what: str
    together: int

    @property
    def plan(self) -> Path:
        """The file of the plan."""
        return self.folder / f"{self.what}.json"

    def fill(self, told: dict[str, Any], prompts: int, draw: Callable[[slice], Columns], bar: Bar) -> Columns:
        """Draw what is missing of so many prompts, and read all, one after the other.

        ``told``: the plan. ``draw``: the columns of some prompts. Raises OutputError: the folder is of another plan,
        or cannot be written.
        """
        check_writable(self.folder)
        self._check_same(told)
        firsts = range(0, prompts, self.together)
        for first in bar([first for first in firsts if not self._path(first).exists()]):
            columns = draw(slice(first, first + self.together))
            with replacing(self._path(first)) as partial, partial.open("wb") as file:
                np.savez(file, **columns)
        parts = [_read(self._path(first)) for first in firsts]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:06d}.npz"

    def _check_same(self, told: dict[str, Any]) -> None:
        """The folder's plan is this one, from now on if it had none."""
        if not self.plan.exists():
            write_file(self.plan, (json.dumps(told, indent=1) + "\n").encode())
            return
        try:
            before = json.loads(self.plan.read_text("utf-8"))
        except ValueError:
            raise OutputError(f"{self.plan} is damaged; choose another folder.") from None
        differing = [name for name in told if before.get(name) != told[name]]
        if differing:
            name = differing[0]
            raise OutputError(
                f"{self.folder} holds {self.what} of another {name} ({before.get(name)!r}, not {told[name]!r}); choose "
                "another folder."
            )


def _read(path: Path) -> Columns:
    """The columns of a file, which is closed: there may be more of them than a process can hold open."""
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}
