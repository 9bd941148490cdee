"""How a state follows its trajectories, and how small per-row numbers are kept.

A step's arithmetic on a handful of rows costs next to nothing; what costs is calling it, with caches
that the model's weights have just swept clean. NumPy's calls are four times cheaper than PyTorch's,
so everything of a few numbers per row is NumPy on the CPU, and tensors are what the vocabulary spans.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class RowState:
    """An immutable record whose arrays and tensors have the row of the live batch as first axis.

    What has no axis (numbers, configurations) and tuples belong to all rows together.
    """

    def select(self, rows: np.ndarray | Tensor) -> Self:
        """The same record for `rows`: indices `(m,)`, repeats allowed, or a mask bool `(n,)`."""
        places = as_array(rows) if isinstance(rows, Tensor) else rows
        selected = {field.name: _select(getattr(self, field.name), places) for field in fields(self)}
        return type(self)(**selected)


def as_array(values: Tensor) -> np.ndarray:
    """The values on the CPU as an array of the same shape and type; shares memory if it can."""
    array: np.ndarray = values.numpy(force=True)
    return array


def _select(value: Any, rows: np.ndarray) -> Any:
    if isinstance(value, RowState):
        return value.select(rows)
    if isinstance(value, dict):
        return {name: _select(part, rows) for name, part in value.items()}
    if isinstance(value, Tensor):
        return value[torch.from_numpy(rows).to(value.device)]
    if isinstance(value, np.ndarray):
        return value[rows]
    return value
