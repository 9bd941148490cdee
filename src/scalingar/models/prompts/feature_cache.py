"""A cache of caption features on disk, so that a large encoder runs once per caption."""

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from scalingar.core.errors import OutputError
from scalingar.core.files import cache_folder, sweep, write_file


def default_folder() -> Path:
    """The folder where models keep features."""
    return cache_folder("text-features")


class CacheWarning(UserWarning):
    """Features cannot be written to the cache."""


@dataclass(frozen=True)
class FeatureCache:
    """A file per caption in ``folder``; None: no cache. A file that cannot be read counts as missing."""

    folder: Path | None

    def __post_init__(self) -> None:
        """Removes what processes left in the folder that were killed while they wrote."""
        if self.folder is not None:
            sweep(self.folder)

    def get(self, key: str) -> dict[str, Tensor] | None:
        """The tensors kept under ``key``, on the CPU, or None."""
        if self.folder is None:
            return None
        try:
            return load(self._path(self.folder, key).read_bytes())
        except (OSError, SafetensorError, ValueError):
            return None

    def put(self, key: str, tensors: dict[str, Tensor]) -> None:
        """Keep tensors; warns if that is impossible."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(self._path(self.folder, key), save({n: t.cpu().contiguous() for n, t in tensors.items()}))
        except (OSError, OutputError) as error:
            warnings.warn(f"features of captions cannot be kept in {self.folder}: {error}", CacheWarning, stacklevel=3)

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / f"{key}.safetensors"


def feature_key(text: str, **settings: Any) -> str:
    """A hash of a text and of the settings that its features depend on."""
    return hashlib.sha256(json.dumps([text, settings], sort_keys=True).encode()).hexdigest()
