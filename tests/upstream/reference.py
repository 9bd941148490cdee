"""The stored outputs of the official code in ``tests/golden`` and the models they belong to."""

from pathlib import Path

from scalingar.doctor.golden.golden_file import GoldenFile as Reference
from scalingar.doctor.golden.golden_file import read_golden
from scalingar.doctor.golden.llamagen.transformer_check import build as llamagen
from scalingar.doctor.golden.llamagen.transformer_check import condition
from scalingar.doctor.golden.llamagen.vq_check import build as vq

__all__ = ["GOLDEN", "Reference", "condition", "llamagen", "load", "vq"]

GOLDEN = Path(__file__).parents[1] / "golden"


def load(name: str) -> Reference:
    """The file ``tests/golden/<name>.npz``."""
    return read_golden(GOLDEN / f"{name}.npz")
