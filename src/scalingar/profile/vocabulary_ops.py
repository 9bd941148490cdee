"""The operations that span the vocabulary: on a tensor where it is, on the CPU in NumPy, whose calls are cheaper."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.profile.row_state import as_array

Values = Tensor | np.ndarray
"""What the vocabulary spans: a tensor on an accelerator, an array on the CPU."""


def placed(values: Tensor) -> Values:
    """The same values in the form in which these operations are cheapest where they are."""
    return as_array(values) if values.is_cpu else values


def exp(values: Values) -> Values:
    """e to the power of each value."""
    return values.exp() if isinstance(values, Tensor) else np.exp(values)


def vecdot(left: Float[Values, "n v"], right: Float[Values, "n v"]) -> Float[np.ndarray, " n"]:
    """Σ_v left(v) · right(v) of each row."""
    return as_array(torch.linalg.vecdot(left, right)) if isinstance(left, Tensor) else np.vecdot(left, right)


def largest(values: Float[Values, "n v"], k: int) -> Float[np.ndarray, "n k"]:
    """The k largest values of each row, ascending."""
    if isinstance(values, Tensor):
        return as_array(values.topk(k).values.flip(1))
    # A third of the time of PyTorch's topk.
    found = np.partition(values, -k, axis=1)[:, -k:]
    found.sort(axis=1)
    return found


def picked(values: Float[Values, "c n v"], rows: Int[np.ndarray, " m"], tokens: Int[Tensor, " m"]) -> np.ndarray:
    """The values of one token each in some rows, `(c, m)`."""
    if isinstance(values, Tensor):
        return as_array(values[:, torch.from_numpy(rows).to(tokens.device), tokens])
    return values[:, rows, as_array(tokens)]
