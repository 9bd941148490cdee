"""Paths of the weights in the installed package."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import WeightsError
from scalingar.core.files import expanded

EMBEDDED: dict[str, Decoding] = {"embedded": "next-token", "embedded-next-scale": "next-scale"}
"""The kind of decoding of each embedded generator, by name."""


def embedded_folder(kind: str) -> Path:
    """Folder of an embedded network: ``next-token``, ``next-scale``, ``reward``, ``detector`` or ``verifier/…``."""
    return Path(str(files("scalingar.models.embedded"))) / "weights" / kind


def embedded_file(kind: Literal["reward", "detector"], source: str | Path | None = None) -> Path:
    """The weight file ``source``, or ``KIND.safetensors`` in the folder ``source``; None: the package's own.

    Raises:
        WeightsError: no such file.
    """
    name = f"{kind}.safetensors"
    if source is None:
        return embedded_folder(kind) / name
    path = expanded(source)
    file = path / name if path.is_dir() else path
    if not file.exists():
        raise WeightsError(
            f"{file} is missing, the source of the {kind} embedded; give a file of its weights or a folder with a "
            f"{name}, or leave the source out to use the package's own."
        )
    return file
