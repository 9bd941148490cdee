"""Captured functions; on the CPU they are called, and their results live as long as a graph's would."""

from contextlib import nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import torch
from torch import Tensor

from scalingar.core.device.captures import Captures
from scalingar.core.device.current import on_device_of


@dataclass(frozen=True)
class Scaled:
    factor: float

    def __call__(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        return self.factor * first, first + second


def test_the_tensors_device_is_the_current_one_on_any_gpu_and_nothing_changes_elsewhere() -> None:
    on_second = on_device_of(cast(Tensor, SimpleNamespace(is_cuda=True, device=torch.device("cuda", 1))))
    assert isinstance(on_second, torch.cuda.device)
    assert on_second.idx == 1
    assert isinstance(on_device_of(torch.ones(1)), nullcontext)


def test_a_call_gives_what_the_function_gives() -> None:
    captures = Captures()
    for seed in range(3):
        first, second = torch.randn(2, 4, generator=torch.Generator().manual_seed(seed))
        results = captures(Scaled(2.0), first, second)
        assert torch.equal(results[0], 2 * first)
        assert torch.equal(results[1], first + second)


def test_equal_functions_share_a_graph_and_its_results_for_each_shape() -> None:
    captures = Captures()
    ones = torch.ones(3)
    results = captures(Scaled(2.0), ones, ones)
    again = captures(Scaled(2.0), 5 * ones, ones)
    assert again[0] is results[0]
    assert results[0].tolist() == [10.0] * 3  # overwritten
    captures(Scaled(3.0), ones, ones)
    captures(Scaled(2.0), ones[:2], ones[:2])
    assert len(captures) == 3
