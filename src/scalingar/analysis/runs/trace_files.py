"""Step-wise values of a run, read from its shards on first use."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float

from scalingar.bench.runs.store import TRACES
from scalingar.core.errors import BenchmarkError

_NEEDED = ("entropy", "margin", "K", "C", "deepconf", "log_p", "log_p_null")


@dataclass
class TraceFiles:
    """The ``traces/`` of a run.

    ``images``: how many were traced; every ``pool_size`` of them are read as one image with all their trajectories.
    ``names``: the values that were traced. ``grid``: rows and columns of tokens.
    """

    paths: tuple[Path, ...]
    images: int
    names: tuple[str, ...]
    grid: tuple[int, int]
    vocab_size: int
    pool_size: int = 1
    _cache: dict[str, Float[np.ndarray, "i n t"]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, *, images: int, shard: int) -> "TraceFiles":
        """The traces of a run's folder. Raises BenchmarkError: some are missing, damaged or of a next-scale model."""
        paths = tuple(folder / TRACES / f"{number:05d}.npz" for number in range(-(-images // shard)))
        if not paths:
            raise BenchmarkError(f"{folder} holds no images; run it with 'bench run'.")
        with _opened(paths[0]) as archive:
            if not {"grid", "vocab_size"} <= set(archive.files):
                raise BenchmarkError(f"{paths[0]} does not say the grid and vocabulary; run it again.")
            names = tuple(archive["names"].tolist())
            height, width = archive["grid"].tolist()
            vocab_size, steps = int(archive["vocab_size"]), archive["values"].shape[-1]
        if missing := [name for name in _NEEDED if name not in names]:
            raise BenchmarkError(
                f"{folder} did not trace {missing[0]}; only runs of next-token models can be analysed."
            )
        if steps != height * width:
            raise BenchmarkError(f"{folder} has traces of {steps} steps on a grid of {height}x{width}; run it again.")
        return cls(paths, images, names, (height, width), vocab_size)

    def __getitem__(self, name: str) -> Float[np.ndarray, "i n t"]:
        """Values by the paper's letter, fp32; NaN after a trajectory's last step. Raises BenchmarkError."""
        if name not in self._cache:
            if name not in self.names:
                raise BenchmarkError(f"{self.paths[0].parent} holds no {name}; it has {', '.join(self.names)}.")
            values = np.concatenate(list(self._parts(self.names.index(name))))
            if len(values) != self.images:
                raise BenchmarkError(
                    f"{self.paths[0].parent} holds traces of {len(values)} images, and {self.images} were judged; "
                    "resume the run with 'bench run'."
                )
            self._cache[name] = values
        values = self._cache[name]
        return values.reshape(len(values) // self.pool_size, -1, values.shape[-1])

    def _parts(self, column: int) -> Iterator[Float[np.ndarray, "i n t"]]:
        for path in self.paths:
            with _opened(path) as archive:
                yield archive["values"][:, :, column].copy()


def _opened(path: Path) -> np.lib.npyio.NpzFile:
    try:
        archive: np.lib.npyio.NpzFile = np.load(path)
    except FileNotFoundError:
        raise BenchmarkError(f"{path} is missing; resume the run with 'bench run'.") from None
    except (OSError, ValueError, BadZipFile):
        raise BenchmarkError(f"{path} is damaged; copy the run again.") from None
    return archive
