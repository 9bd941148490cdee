"""Device noise on a GPU: the bits of a CPU, in one kernel, captured in a graph."""

from importlib.util import find_spec

import pytest
import torch

from scalingar.decoding.device_noise import DeviceNoise, device_exponential
from scalingar.decoding.philox import philox_exponential
from tests.shapes import unchecked

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
STEPS = torch.tensor([0, 1, 575, 2**32 - 1])


def noise() -> DeviceNoise:
    return DeviceNoise.streams(7, list(range(len(STEPS))))


@pytest.mark.parametrize("size", [1, 3, 16, 1023, 1024, 1025, 16384, 100_001])
@pytest.mark.parametrize("make", [device_exponential, philox_exponential], ids=["kernel", "torch"])
def test_the_numbers_are_those_of_a_cpu(make, size: int) -> None:  # type: ignore[no-untyped-def]
    """Equal words; the logarithm may differ in its last digits."""
    there = make(noise().device_keys(CUDA), STEPS.to(CUDA), size)
    here = noise().exponential(STEPS, size, CPU)
    assert there.is_contiguous()
    torch.testing.assert_close(there.cpu(), here, rtol=5e-7, atol=0)


def test_steps_may_come_from_the_host() -> None:
    streams = noise()
    assert torch.equal(streams.exponential(STEPS, 100, CUDA), streams.exponential(STEPS.to(CUDA), 100, CUDA))


def test_the_kernel_is_used_where_triton_is() -> None:
    if find_spec("triton") is None:
        pytest.skip("there is no Triton")
    kernel = pytest.importorskip("scalingar.decoding.philox_triton")
    keys = noise().device_keys(CUDA)
    ours = kernel.philox_exponential(keys, STEPS.to(CUDA), 777)
    assert torch.equal(device_exponential(keys, STEPS.to(CUDA), 777), ours)


@pytest.mark.parametrize("make", [device_exponential, philox_exponential], ids=["kernel", "torch"])
def test_it_waits_for_nothing_and_can_be_captured(make) -> None:  # type: ignore[no-untyped-def]
    """A replay with other steps in the same tensor draws the numbers of those."""
    with unchecked():
        keys, steps = noise().device_keys(CUDA), STEPS.to(CUDA)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            make(keys, steps, 1000)
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.set_sync_debug_mode("error")
        try:
            make(keys, steps, 1000)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = make(keys, steps, 1000)
        for step in (3, 400):
            steps.fill_(step)
            graph.replay()
            assert torch.equal(out, make(keys, torch.full_like(steps, step), 1000))
