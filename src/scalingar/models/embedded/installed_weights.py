"""Where the weights that come with the package lie."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from scalingar.core.decoding_kind import Decoding

EMBEDDED: dict[str, Decoding] = {"embedded": "next-token", "embedded-next-scale": "next-scale"}
"""The generators by name, and the kind of each."""


def embedded_folder(kind: str) -> Path:
    """Where an embedded network lies: ``next-token``, ``next-scale``, ``reward`` or ``detector``."""
    return Path(str(files("scalingar.models.embedded"))) / "weights" / kind


def embedded_file(kind: Literal["reward", "detector"], source: str | Path | None = None) -> Path:
    """``KIND.safetensors`` of the installed package, or of the folder ``source``, which may also be the file itself."""
    name = f"{kind}.safetensors"
    if source is None:
        return embedded_folder(kind) / name
    path = Path(source).expanduser()
    return path / name if path.is_dir() else path
