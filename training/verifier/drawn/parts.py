"""Folders of what was drawn of prompts, some prompts to a file: how they are gone on with, and read again."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.verifier.drawn.prompts import SEED, TOGETHER, training_prompts
from training.writing import replaced

BEFORE = 8
"""Trajectories of each prompt in files of before they told what they hold; their prompts are those of :data:`SEED`."""


@dataclass(frozen=True)
class Holding:
    """What files hold: ``trajectories`` of each of so many prompts, the first ones of a ``seed``."""

    prompts: int
    trajectories: int
    seed: int


@dataclass(frozen=True)
class Drawing:
    """What ``training.verifier.drawn.TOOL`` draws with a model, into a folder of the work folder."""

    tool: str
    model: str
    folder: str

    def missing(self, folder: Path, wanted: Holding) -> Iterator[tuple[Path, int]]:
        """Files that are not there yet or have fewer prompts than they should, and the first prompt of each.

        Raises SystemExit: a file is of other prompts, or of other numbers of trajectories; or there are more prompts.
        """
        for last in sorted(folder.glob("*.npz"))[-1:]:
            if (count := int(last.stem) + self._holding(last).prompts) > wanted.prompts:
                raise SystemExit(
                    f"{folder} holds {count} prompts, more than {wanted.prompts}; ask for as many, or move it away"
                )
        for first in range(0, wanted.prompts, TOGETHER):
            path = folder / f"{first:05d}.npz"
            kept = self._holding(path) if path.exists() else None
            if kept is not None and (kept.trajectories, kept.seed) != (wanted.trajectories, wanted.seed):
                raise SystemExit(
                    f"{path} has {kept.trajectories} trajectories of prompts of seed {kept.seed}, not "
                    f"{wanted.trajectories} of seed {wanted.seed}; ask for the same, or move {folder} away"
                )
            if kept is None or kept.prompts < min(TOGETHER, wanted.prompts - first):
                yield path, first

    def load(self, work_dir: Path) -> "Stored":
        """All files. Raises SystemExit: there is none, one lacks prompts, or they do not belong together."""
        folder, again = work_dir / self.folder, f"run `python -m training.verifier.drawn.{self.tool}`"
        files = sorted(folder.glob("*.npz"))
        if not files:
            raise SystemExit(f"{folder} holds nothing that was drawn; {again} first")
        holdings = [self._holding(path) for path in files]
        parts: list[dict[str, np.ndarray]] = []
        for number, (path, kept) in enumerate(zip(files, holdings, strict=True)):
            if path.stem != f"{number * TOGETHER:05d}":
                raise SystemExit(f"{folder} lacks {number * TOGETHER:05d}.npz; {again} again")
            if path != files[-1] and kept.prompts != TOGETHER:
                raise SystemExit(f"{path} has {kept.prompts} of {TOGETHER} prompts; {again} again")
            if (kept.trajectories, kept.seed) != (holdings[0].trajectories, holdings[0].seed):
                raise SystemExit(
                    f"{path} has {kept.trajectories} trajectories of prompts of seed {kept.seed}, and {files[0].name} "
                    f"{holdings[0].trajectories} of seed {holdings[0].seed}; move one of them away, and {again} again"
                )
            parts.append(_columns(path, kept))
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return Stored(columns, holdings[0].seed)

    def _holding(self, path: Path) -> Holding:
        with np.load(path) as file:
            if "holding" in file:
                return Holding(*file["holding"].tolist())
            return Holding(len(file["reward"]) // BEFORE, BEFORE, SEED[self.model])


STATES = Drawing("collect", "embedded", "verifier/states")
OUTCOMES = Drawing("outcomes", "embedded-next-scale", "verifier/outcomes")
UNFINISHED = Drawing("unfinished", "embedded-next-scale", "unfinished")


@dataclass(frozen=True)
class Stored:
    """``columns``: arrays by name, with an axis of prompts before that of trajectories. ``seed``: of the prompts."""

    columns: dict[str, np.ndarray]
    seed: int

    @property
    def prompts(self) -> list[str]:
        """In the order of the rows."""
        return training_prompts(len(self.columns["reward"]), self.seed)


def save(path: Path, columns: dict[str, Any], holding: Holding) -> None:
    """Write a file. ``columns``: arrays by name, of one prompt's trajectories after those of the other."""
    with replaced(path) as file:
        np.savez(file, allow_pickle=False, **columns, holding=np.array(astuple(holding)))


def _columns(path: Path, holding: Holding) -> dict[str, np.ndarray]:
    shape = holding.prompts, holding.trajectories
    with np.load(path) as file:
        columns = {name: file[name] for name in file.files if name != "holding"}
    return {name: column.reshape(*shape, *column.shape[1:]) for name, column in columns.items()}
