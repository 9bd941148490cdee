import torch
from torch import Tensor

from scalingar.core.device.transfer import to_device
from tests.tiny.pretended_device import DEVICE, PretendedDevice, Upload


def test_what_is_there_is_not_copied() -> None:
    tensor = torch.arange(3)
    assert to_device(tensor, "cpu") is tensor
    there = tensor.to(DEVICE)
    assert to_device(there, DEVICE) is there


def test_the_host_does_not_wait() -> None:
    with PretendedDevice() as device:
        to_device(torch.arange(3), DEVICE)
        torch.arange(2).to(DEVICE)
    assert device.taken() == [Upload((3,), waits=False), Upload((2,), waits=True)]


def test_a_cuda_device_reads_pinned_memory() -> None:
    calls: list[object] = []

    class Watched(Tensor):
        def pin_memory(self, device: object = None) -> "Watched":
            calls.append("pinned")
            return self

        def to(self, *given: object, **options: object) -> "Watched":
            calls.append((*given, options))
            return self

    to_device(torch.zeros(2).as_subclass(Watched), "cuda:1")
    assert calls == ["pinned", (torch.device("cuda:1"), {"non_blocking": True})]


def test_apples_copies_are_waited_for() -> None:
    calls: list[object] = []

    class Watched(Tensor):
        def to(self, *given: object, **options: object) -> "Watched":
            calls.append(options)
            return self

    to_device(torch.zeros(2).as_subclass(Watched), "mps")
    assert calls == [{"non_blocking": False}]
