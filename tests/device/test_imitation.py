"""The imitated device refuses and counts what CUDA refuses and waits for, so that tests on it can fail."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from tests.tiny.imitated_device import COUNTED, NAME, imitated

pytestmark = pytest.mark.device


@pytest.fixture(autouse=True)
def there() -> Iterator[None]:
    with imitated(), torch.inference_mode():
        yield


def test_results_are_those_of_the_cpu_and_views_share_memory() -> None:
    here = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    sent = here.to(NAME)
    assert str(sent.device) == f"{NAME}:0"
    assert torch.equal((sent @ sent.mT).softmax(-1).cpu(), (here @ here.mT).softmax(-1))
    sent[1].fill_(5)
    assert sent[:, 2].tolist() == [here[0, 2], 5, here[2, 2]]
    assert here[1, 2] != 5


def test_a_tensor_goes_where_another_is() -> None:
    here, there = torch.ones(3), torch.ones(3, device=NAME)
    assert str(here.to(there).device) == f"{NAME}:0"
    assert str(there.to(here).device) == "cpu"
    assert str(there.to(f"{NAME}:1").device) == f"{NAME}:1"


MIXED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "cat": lambda one, other: torch.cat([one, other]),
    "stack of numbers": lambda one, other: torch.stack([one[0], other[0]]),
    "picked by a number": lambda one, other: one.index_select(0, other[0].long()),
    "added to another's": lambda one, other: other[0].add_(one[0]),
    "index of the host's": lambda one, other: one[torch.tensor([0])],
    "written with one": lambda one, other: one.index_put_((torch.tensor([0]),), one[:1]),
}


@pytest.mark.parametrize("other", ["cpu", f"{NAME}:1"])
@pytest.mark.parametrize("name", MIXED)
def test_tensors_of_two_devices_do_not_mix(name: str, other: str) -> None:
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        MIXED[name](torch.ones(3, device=NAME), torch.ones(3, device=other))


WAITING: dict[str, tuple[Callable[[Tensor], object], int]] = {
    "a value": (lambda there: float(there.sum()), 1),
    "a truth value": (lambda there: bool(there.all()), 1),
    "a comparison": (lambda there: torch.equal(there, there), 1),
    "values": (lambda there: there.tolist(), 1),
    "a copy to the host": (lambda there: there.cpu(), 1),
    "a copy into the host's": (lambda there: torch.empty(3).copy_(there), 1),
    "a mask": (lambda there: there[there > 0], 1),
    "written through a mask": (lambda there: there.index_put_((there > 0,), there.clone()), 1),
    "repeated by counts": (lambda there: there.repeat_interleave(there.long()), 1),
    "places": (lambda there: there.nonzero(), 1),
    "what is there": (lambda there: there.unique(), 1),
    "an ordinary upload": (lambda there: torch.ones(3).to(there.device), 1),
    "an upload that goes on": (lambda there: torch.ones(3).to(there.device, non_blocking=True), 0),
    "values from the host": (lambda there: torch.tensor([1.0], device=there.device), 1),
    "numbers made there": (lambda there: torch.arange(3, device=there.device), 0),
    "arithmetic": (lambda there: (there + 1) * there.sum(), 0),
    "a number through a mask": (lambda there: there.index_put_((there > 0,), there[0].clone()), 0),
    "arithmetic with the host's number": (lambda there: there + torch.tensor(2.0), 0),
    "a copy there": (lambda there: there.clone().copy_(there), 0),
}


@pytest.mark.parametrize("name", WAITING)
def test_what_waits_is_counted(name: str) -> None:
    work, waits = WAITING[name]
    there = torch.ones(3, device=NAME)
    before = COUNTED.waits
    work(there)
    assert COUNTED.waits - before == waits
