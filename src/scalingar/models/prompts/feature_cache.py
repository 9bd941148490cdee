"""Features of captions kept on disk, one small file each, so that a large encoder runs once per caption."""

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
from scalingar.core.files import cache_folder, write_file


def default_folder() -> Path:
    """Where features are kept unless told otherwise."""
    return cache_folder("text-features")


class CacheWarning(UserWarning):
    """Features cannot be kept."""


@dataclass(frozen=True)
class FeatureCache:
    """Files in ``folder``, or nothing at all when it is None. A file that cannot be read counts as missing."""

    folder: Path | None

    def get(self, key: str) -> dict[str, Tensor] | None:
        """The tensors kept under ``key``, on the CPU."""
        if self.folder is None:
            return None
        try:
            return load(self._path(self.folder, key).read_bytes())
        except (OSError, SafetensorError):
            return None

    def put(self, key: str, tensors: dict[str, Tensor]) -> None:
        """Keep tensors; where that is impossible a warning says so and the run goes on."""
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
    """A name for what ``text`` becomes under ``settings``."""
    return hashlib.sha256(json.dumps([text, settings], sort_keys=True).encode()).hexdigest()
