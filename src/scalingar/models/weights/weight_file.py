"""Writing safetensors files atomically, with the same bytes for the same content."""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from scalingar.core.errors import OutputError
from scalingar.core.files import replacing

_LENGTH = 8
"""Bytes of the header's length, at the start of a file."""


def save_weights(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors under their names, and the metadata into the header.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            save_file({name: tensor.contiguous() for name, tensor in weights.items()}, partial, dict(metadata))
            _sort_metadata(partial)
            partial.chmod(0o644)  # safetensors writes files that only their owner can read
    except (OSError, SafetensorError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise OutputError(f"cannot write {path}: {reason}; choose another path.") from None


def _sort_metadata(path: Path) -> None:
    """Sort the metadata, which safetensors writes in another order in every process, so that hashes are equal."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(length)
        assert len(text) == length, "the header was written with other spaces or escapes than here"
        file.seek(_LENGTH)
        file.write(text)
