"""The stored outputs of the official code in ``tests/golden`` and the models they belong to."""

from pathlib import Path

from scalingar.doctor.golden import GoldenFile as Reference
from scalingar.doctor.golden import read_golden
from scalingar.doctor.llamagen_gpt import build as llamagen
from scalingar.doctor.llamagen_gpt import condition
from scalingar.doctor.llamagen_vq import build as vq

__all__ = ["GOLDEN", "Reference", "condition", "llamagen", "load", "vq"]

GOLDEN = Path(__file__).parent / "golden"


def load(name: str) -> Reference:
    """The file ``tests/golden/<name>.npz``."""
    return read_golden(GOLDEN / f"{name}.npz")
