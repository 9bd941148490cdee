"""Where the weights that come with the package lie."""

from importlib.resources import files
from pathlib import Path


def embedded_folder(kind: str) -> Path:
    """Where an embedded network lies: ``next-token``, ``next-scale``, ``reward`` or ``detector``."""
    return Path(str(files("scalingar.models.embedded"))) / "weights" / kind
