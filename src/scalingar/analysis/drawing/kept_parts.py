"""Parts that an analysis draws one after the other, kept in a folder with the plan that decides their bytes."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from scalingar.core.errors import OutputError
from scalingar.core.files import replacing, results_in, write_file

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
        firsts = range(0, prompts, self.together)
        with results_in(self.folder):
            self._check_same(told)
            parts = {first: _read(self._path(first)) for first in firsts if self._path(first).exists()}
            for first in bar([first for first in firsts if first not in parts]):
                columns = draw(slice(first, first + self.together))
                if not self.plan.exists():  # only now, so that what could not be drawn leaves nothing
                    write_file(self.plan, (json.dumps(told, indent=1) + "\n").encode())
                with replacing(self._path(first)) as partial, partial.open("wb") as file:
                    np.savez(file, **columns)
                parts[first] = _read(self._path(first))
        return {name: np.concatenate([parts[first][name] for first in firsts]) for name in parts[0]}

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:06d}.npz"

    def _check_same(self, told: dict[str, Any]) -> None:
        """Raises OutputError unless the folder's plan is this one, or it is empty."""
        if not self.plan.exists():
            if any(self.folder.glob("*.npz")):
                raise OutputError(f"{self.folder} holds {self.what} without {self.plan.name}; choose another folder.")
            return
        try:
            before = json.loads(self.plan.read_text("utf-8"))
        except ValueError:
            raise OutputError(f"{self.plan} is damaged; choose another folder.") from None
        if differing := first_difference(before, json.loads(json.dumps(told))):
            which = "other" if differing.partition(" ")[0].endswith("s") else "another"
            raise OutputError(f"{self.folder} holds {self.what} of {which} {differing}; choose another folder.")


def first_difference(before: Any, now: Any, name: str = "plan") -> str | None:
    """The first of two plans' values that differ, by its name, ``sampling.top_k (0, not 5)``; None: they are equal.

    Of lists it says their lengths and the first entry that differs.
    """
    if before == now:
        return None
    if isinstance(before, dict) and isinstance(now, dict):
        keys = {**now, **before}
        inside = "" if name == "plan" else f"{name}."
        return next(told for key in keys if (told := first_difference(before.get(key), now.get(key), f"{inside}{key}")))
    if isinstance(before, list) and isinstance(now, list):
        pairs = enumerate(zip_longest(before, now), 1)
        number, (one, other) = next((number, pair) for number, pair in pairs if pair[0] != pair[1])
        return f"{name} ({len(before)} there, {len(now)} here; number {number} is {one!r}, not {other!r})"
    return f"{name} ({before!r}, not {now!r})"


def _read(path: Path) -> Columns:
    """The columns of a file, which is closed: there may be more of them than a process can hold open."""
    try:
        with np.load(path) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, BadZipFile):
        raise OutputError(f"{path} is damaged; delete it, and what it held is drawn again.") from None
