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
    """An immutable record of `n` rows, whose arrays and tensors have the row of the live batch as first axis.

    What has no axis (numbers, configurations) and tuples belong to all rows together.

    A replay follows many images at once: then arrays have the images' axes in front of the row's. A row that was cut
    stays in its place there, and what it shows from then on is NaN, which nothing pools. Such a state is only updated;
    rows are selected and joined in the state of one image.
    """

    def select(self, rows: np.ndarray | Tensor) -> Self:
        """The same record for `rows`: indices `(m,)`, repeats allowed, or a mask bool `(n,)`."""
        places = as_array(rows) if isinstance(rows, Tensor) else rows
        selected = {field.name: _select(getattr(self, field.name), places) for field in fields(self)}
        return type(self)(**selected)

    def joined(self, other: Self) -> Self:
        """The same record with the rows of `other` after its own; what belongs to all rows stays as it is here."""
        both = {field.name: _join(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)}
        return type(self)(**both)


def shape_of(rows: int | tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a value per row: of `n` rows, or of `(…, n)` with images' axes in front."""
    return (rows,) if isinstance(rows, int) else rows


def pool_shape(rows: int | tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what an image's rows have together: a plain number for one image, `(…, 1)` for many."""
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
        return value[torch.from_numpy(rows).to(value.device)]
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
