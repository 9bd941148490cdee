"""Comparing golden files of all kinds with what this package computes."""

from dataclasses import dataclass
from pathlib import Path

import torch

from scalingar.core.errors import ConfigError
from scalingar.doctor.golden import image_reward_check  # noqa: F401  (importing a check registers it)
from scalingar.doctor.golden.golden_file import CHECKS, Comparison, read_golden
from scalingar.doctor.golden.infinity import rope_check, vae_check  # noqa: F401
from scalingar.doctor.golden.infinity import transformer_check as infinity_check  # noqa: F401
from scalingar.doctor.golden.llamagen import filter_check, vq_check  # noqa: F401
from scalingar.doctor.golden.llamagen import transformer_check as llamagen_check  # noqa: F401
from scalingar.doctor.golden.tts_var import e2e_check, select_check  # noqa: F401
from scalingar.doctor.golden.var import transformer_check as var_check  # noqa: F401
from scalingar.doctor.golden.var import vqvae_check  # noqa: F401


@dataclass(frozen=True)
class Report:
    """The result of checking one file."""

    path: Path
    kind: str
    comparisons: list[Comparison]
    unused: list[str]

    @property
    def ok(self) -> bool:
        """Whether all arrays of the file were used and none differs too much."""
        return not self.unused and all(comparison.ok for comparison in self.comparisons)


@torch.inference_mode()
def check_golden(path: str | Path) -> Report:
    """Build the model of a file from its weights and compare everything that the file holds.

    Raises:
        WeightsError: the file cannot be read or is incomplete.
        ConfigError: its kind is not known.
    """
    file = read_golden(path)
    if file.kind not in CHECKS:
        raise ConfigError(f"{path} is of kind {file.kind!r}, which cannot be checked; known are {', '.join(CHECKS)}.")
    comparisons = list(CHECKS[file.kind](file))
    return Report(file.path, file.kind, comparisons, file.unused)
