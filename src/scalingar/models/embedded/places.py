"""Where the weights that come with the package lie."""

from importlib.resources import files
from pathlib import Path

from scalingar.core.decoding_kind import Decoding

EMBEDDED: dict[str, Decoding] = {"embedded": "next-token", "embedded-next-scale": "next-scale"}
"""The generators by name, and the kind of each."""


def embedded_folder(kind: str) -> Path:
    """Where an embedded network lies: ``next-token``, ``next-scale``, ``reward`` or ``detector``."""
    return Path(str(files("scalingar.models.embedded"))) / "weights" / kind
