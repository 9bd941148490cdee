"""Per-row state that follows its trajectories.

On a few rows the cost of a step is call overhead, and NumPy's calls are four times cheaper than PyTorch's. So
per-row values are NumPy arrays on the CPU; only values over the vocabulary are tensors.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from scalingar.core.device.transfer import to_device


@dataclass(frozen=True, eq=False)
class RowState:
    """Immutable state of `n` rows: the first axis of its arrays and tensors is the row.

    Numbers, configurations and tuples are shared by all rows.

    A replay follows many images at once, with the images' axes before the row's. There a row that was cut is kept, and
    its later values are NaN, which is excluded from pooling. Such a state is only updated, never selected or joined.
    """

    def select(self, rows: np.ndarray | Tensor) -> Self:
        """The state of `rows`: indices `(m,)`, repeats allowed, or a mask bool `(n,)`."""
        indices = as_array(rows) if isinstance(rows, Tensor) else rows
        return type(self)(**{field.name: _select(getattr(self, field.name), indices) for field in fields(self)})

    def joined(self, other: Self) -> Self:
        """The state with the rows of `other` after its own; shared values are those of this one."""
        both = {field.name: _join(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)}
        return type(self)(**both)


def shape_of(rows: int | tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a value per row: of `n` rows, or of `(…, n)` with images' axes in front."""
    return (rows,) if isinstance(rows, int) else rows


def pool_shape(rows: int | tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a value pooled over an image's rows: `()` for one image, `(…, 1)` for many."""
    images = shape_of(rows)[:-1]
    return (*images, 1) if images else ()


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
        return value[to_device(torch.from_numpy(rows), value.device)]
    if isinstance(value, np.ndarray):
        return value[rows]
    return value


def _join(value: Any, other: Any) -> Any:
    if isinstance(value, RowState):
        return value.joined(other)
    if isinstance(value, dict):
        return {name: _join(part, other[name]) for name, part in value.items()}
    if isinstance(value, Tensor):
        return torch.cat([value, other])
    if isinstance(value, np.ndarray):
        return np.concatenate([value, other])
    return value
