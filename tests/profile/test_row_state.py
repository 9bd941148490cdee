from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from scalingar.profile.row_state import RowState, as_array


@dataclass(frozen=True, eq=False)
class Inner(RowState):
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Outer(RowState):
    name: str
    shared: tuple[int, ...]
    tensor: Tensor
    named: dict[str, np.ndarray]
    inner: Inner


def make() -> Outer:
    values = np.arange(3.0)
    tensor = torch.arange(6).reshape(3, 2)
    return Outer("x", (7, 8, 9), tensor, {"a": values + 10}, Inner(values))


def test_select_reaches_every_row_and_leaves_what_is_shared() -> None:
    state = make().select(torch.tensor([2, 0, 0]))
    assert state.tensor.tolist() == [[4, 5], [0, 1], [0, 1]]
    assert state.named["a"].tolist() == [12, 10, 10]
    assert state.inner.values.tolist() == [2, 0, 0]
    assert (state.name, state.shared) == ("x", (7, 8, 9))


def test_a_mask_selects_as_its_indices_do() -> None:
    masked = make().select(torch.tensor([True, False, True]))
    assert masked.inner.values.tolist() == [0, 2]
    assert masked.tensor.tolist() == [[0, 1], [4, 5]]


def test_the_original_is_not_touched() -> None:
    state = make()
    state.select(torch.tensor([1]))
    assert state.inner.values.tolist() == [0, 1, 2]


def test_arrays_come_from_tensors_that_record_gradients_too() -> None:
    assert as_array(torch.tensor([1.5], requires_grad=True)).tolist() == [1.5]
