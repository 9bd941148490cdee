"""Operations over the vocabulary, on tensors of an accelerator or, with cheaper calls, NumPy arrays on the CPU."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.profile.row_state import as_array

Values = Tensor | np.ndarray
"""Values over the vocabulary: a tensor on an accelerator, an array on the CPU."""


def as_values(values: Tensor) -> Values:
    """A CPU tensor as an array sharing its memory; other tensors unchanged."""
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
    top = np.partition(values, -k, axis=1)[:, -k:]
    top.sort(axis=1)
    return top


def gather(values: Float[Values, "c n v"], rows: Int[np.ndarray, " m"], tokens: Int[Tensor, " m"]) -> np.ndarray:
    """The value of one token in each of the given rows, `(c, m)`."""
    if isinstance(values, Tensor):
        return as_array(values[:, torch.from_numpy(rows).to(tokens.device), tokens])
    return values[:, rows, as_array(tokens)]
