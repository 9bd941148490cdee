"""Step-wise values of a run, read from its shards on first use and held against their receipts."""

import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float

from scalingar.bench.runs.receipts import Receipt, digest
from scalingar.bench.runs.store import TRACES
from scalingar.core.errors import BenchmarkError

_NEEDED = ("entropy", "margin", "K", "C", "deepconf", "log_p", "log_p_null")
_UNREADABLE = (BadZipFile, EOFError, KeyError, ValueError, zlib.error)
"""What NumPy raises for an archive that is none."""


@dataclass
class TraceFiles:
    """The ``traces/`` of a run.

    ``hashes``: SHA-256 of each file when it was written. ``images``: how many were traced; every ``pool_size`` of them
    are read as one image with all their trajectories. ``names``: the values that were traced. ``grid``: rows and
    columns of tokens.
    """

    hashes: dict[Path, str]
    images: int
    names: tuple[str, ...]
    grid: tuple[int, int]
    vocab_size: int
    pool_size: int = 1
    _cache: dict[str, Float[np.ndarray, "i n t"]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, receipts: Mapping[int, Receipt], *, images: int) -> "TraceFiles":
        """The traces of a run's folder. Raises BenchmarkError: some are missing, damaged or of a next-scale model."""
        hashes = {folder / name: told for number in sorted(receipts) for name, told in traces_of(receipts[number])}
        first, told = next(iter(hashes.items()))
        arrays = _arrays(first, told)
        if not {"names", "values", "grid", "vocab_size"} <= set(arrays):
            raise BenchmarkError(f"{first} does not say the grid and vocabulary; run it again.")
        names = tuple(arrays["names"].tolist())
        height, width = arrays["grid"].tolist()
        vocab_size, steps = int(arrays["vocab_size"]), arrays["values"].shape[-1]
        if missing := [name for name in _NEEDED if name not in names]:
            raise BenchmarkError(
                f"{folder} did not trace {missing[0]}; only runs of next-token models can be analysed."
            )
        if steps != height * width:
            raise BenchmarkError(f"{folder} has traces of {steps} steps on a grid of {height}x{width}; run it again.")
        return cls(hashes, images, names, (height, width), vocab_size)

    @property
    def folder(self) -> Path:
        """Where they are."""
        return next(iter(self.hashes)).parent

    def __getitem__(self, name: str) -> Float[np.ndarray, "i n t"]:
        """Values by the paper's letter, fp32; NaN after a trajectory's last step. Raises BenchmarkError."""
        if name not in self._cache:
            if name not in self.names:
                raise BenchmarkError(f"{self.folder} holds no {name}; it has {', '.join(self.names)}.")
            values = np.concatenate(list(self._parts(self.names.index(name))))
            if len(values) != self.images:
                raise BenchmarkError(
                    f"{self.folder} holds traces of {len(values)} images, and {self.images} were judged; "
                    "resume the run with 'bench run'."
                )
            self._cache[name] = values
        values = self._cache[name]
        return values.reshape(len(values) // self.pool_size, -1, values.shape[-1])

    def _parts(self, column: int) -> Iterator[Float[np.ndarray, "i n t"]]:
        for path, told in self.hashes.items():
            yield _arrays(path, told)["values"][:, :, column].copy()


def traces_of(receipt: Receipt) -> list[tuple[str, str]]:
    """Path in the run's folder and SHA-256 of each file of traces of a shard."""
    return [(name, told) for name, told in receipt.files.items() if name.startswith(f"{TRACES}/")]


def _arrays(path: Path, told: str) -> dict[str, np.ndarray]:
    """What a file holds. Raises BenchmarkError: it is missing, or not as it was written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BenchmarkError(f"{path} is missing; resume the run with 'bench run'.") from None
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read: {error.strerror}; copy the run again.") from None
    if digest(content) == told:
        with suppress(*_UNREADABLE), np.load(io.BytesIO(content)) as archive:
            return {name: archive[name] for name in archive.files}
    raise BenchmarkError(
        f"{path} is damaged or was exchanged; 'bench run' draws its images again, or copy the run again."
    )
