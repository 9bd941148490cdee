"""Model families: what this package knows of each is one object under ``FAMILIES``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from scalingar.models import options
from scalingar.models.options import Option


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The model a caller wants.

    ``options``: only what was set, by the names of :func:`model_options`; a value of None counts as not set.
    ``device``, ``dtype``: of the transformer and the text encoder; the image tokenizer always runs in fp32.
    """

    name: str | Path = "embedded"
    device: str | torch.device = "cpu"
    dtype: torch.dtype = torch.float32
    options: Mapping[str, Any] = field(default_factory=dict)


def model_options() -> dict[str, Option]:
    """Every option of any family by name."""
    return {option.name: option for option in vars(options).values() if isinstance(option, Option)}
