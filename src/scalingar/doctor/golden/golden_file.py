"""Golden files: stored outputs of official code, and comparisons with them.

A file is an ``npz`` for one model with small random weights: arrays ``w.<key>`` are its official state dict, other
arrays are inputs and outputs, ``meta_json`` has its kind and settings. Each kind has a module that compares its arrays.
"""

import json
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.core.registry import Registry
from scalingar.decoding.noise import SharedNoise

LOGITS, GUIDED, IMAGES, ROTARY, EXACT = 1e-4, 5e-4, 1e-4, 1e-5, 0.0
"""Largest allowed differences: of raw logits, guided logits, pictures and latents, rotary tables, indices."""

_DAMAGED = (
    OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError, TypeError, KeyError, MemoryError,
    RecursionError, NotImplementedError,
)  # fmt: skip
"""What reading raises on a file that is none, or that claims arrays it does not hold."""
_WEIGHT = "w."
_OLD_SIZES = ("dim", "heads", "layers", "n_cls", "grid", "vocab", "num_classes", "caption_dim", "multiple_of")
"""Entries of the array ``meta`` in older files, which have no ``meta_json``."""


@dataclass(frozen=True)
class Comparison:
    """A stored array compared with the computed one: the largest difference, or for indices how many differ."""

    name: str
    difference: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the difference is within the tolerance; NaN is not."""
        return self.difference <= self.tolerance


@dataclass
class GoldenFile:
    """One file, which records which arrays were read. Reading a missing array raises WeightsError.

    ``config``: settings of the model. ``meta``: the whole description. ``words``: arrays of strings.
    """

    path: Path
    kind: str
    config: dict[str, Any]
    arrays: dict[str, Tensor]
    weights: dict[str, Tensor]
    meta: dict[str, Any] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.arrays:
            raise WeightsError(f"{self.path} lacks the array {name!r}; it is no complete file of {self.kind}.")
        self.used.add(name)
        return self.arrays[name]

    def get(self, name: str) -> Tensor | None:
        """The array, or None if the file does not have it."""
        return self[name] if name in self.arrays else None

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def strings(self, name: str) -> list[str]:
        """An array of strings, empty if the file does not have it."""
        self.used.add(name)
        return self.words.get(name, [])

    def companion(self, name: str) -> "GoldenFile":
        """The golden file ``name`` beside this one. Raises WeightsError if it is missing."""
        path = self.path.parent / name
        if not path.is_file():
            raise WeightsError(f"{self.path} belongs with {name}; put that file in {path.parent}.")
        return read_golden(path)

    @property
    def unused(self) -> list[str]:
        """Arrays that were not read."""
        return [name for name in (*self.arrays, *self.words) if name not in self.used]

    def compare(self, name: str, computed: Tensor, tolerance: float, note: str = "") -> Comparison:
        """Compare the array ``name`` with ``computed``."""
        label = f"{name} ({note})" if note else name
        return Comparison(label, difference(self[name], computed), tolerance)

    def compare_stored(self, name: str, computed: Tensor, tolerance: float) -> Iterator[Comparison]:
        """Compare in the stored dtype; nothing if the file does not have the array."""
        if name in self:
            yield self.compare(name, computed.to(self[name].dtype), tolerance)


@dataclass(frozen=True)
class StoredNoise(SharedNoise):
    """The stored noise of each step; all rows must be at the same step."""

    steps: Sequence[Float[Tensor, "n ..."]]

    def exponential(self, steps: Int[Tensor, " n"], size: int, device: torch.device) -> Float[Tensor, "n size"]:
        """See :class:`~scalingar.decoding.noise.Noise`."""
        return self.steps[int(steps[0])].flatten(1).to(device)


Check = Callable[[GoldenFile], Iterator[Comparison]]
CHECKS: Registry[Check] = Registry("golden_checks")
"""By kind. A new kind is one file with a decorated function, imported in :mod:`scalingar.doctor.check`."""


def read_golden(path: str | Path) -> GoldenFile:
    """Read a golden file. Raises WeightsError."""
    path = Path(path).expanduser()
    if not zipfile.is_zipfile(path):
        why = "it is no archive of NumPy's (.npz)" if path.is_file() else "there is no such file"
        raise WeightsError(f"{path} cannot be read as golden data: {why}.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        meta, config = _description(arrays)
    except _DAMAGED as error:
        raise WeightsError(f"{path} cannot be read as golden data: {' '.join(str(error).split())[:200]}.") from None
    words = {name: arrays.pop(name).ravel().tolist() for name in [*arrays] if arrays[name].dtype.kind == "U"}
    tensors = {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}
    return GoldenFile(
        path,
        str(meta.get("kind") or _kind(set(tensors))),
        config,
        {name: tensor for name, tensor in tensors.items() if not name.startswith(_WEIGHT)},
        {name.removeprefix(_WEIGHT): tensor for name, tensor in tensors.items() if name.startswith(_WEIGHT)},
        meta,
        words,
    )


def _description(arrays: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The whole description and the settings of the model in it; both are removed from the arrays."""
    meta = dict(json.loads(str(arrays.pop("meta_json", "{}"))))
    sizes = arrays.pop("meta", None)
    config = meta.get("config", meta) if sizes is None else zip(_OLD_SIZES, sizes.tolist(), strict=True)
    return meta, dict(config)


def _kind(names: set[str]) -> str:
    """The kind of a file without a description, told from its arrays."""
    if "w.tok_embeddings.weight" in names:
        return "llamagen_gpt"
    if "w.quantize.embedding.weight" in names:
        return "llamagen_vq"
    return "llamagen_filter" if any(name.startswith("filt_") for name in names) else "unknown"


def difference(expected: Tensor, computed: Tensor) -> float:
    """Largest absolute difference; for integers how many differ; infinite if shapes or infinities differ."""
    computed = computed.cpu()
    if expected.shape != computed.shape:
        return math.inf
    if not expected.is_floating_point():
        return float((expected != computed).sum())
    gap = torch.where(expected == computed, 0.0, (expected.double() - computed.double()).abs())
    return float(torch.where(gap.isnan(), math.inf, gap).max()) if gap.numel() else 0.0
