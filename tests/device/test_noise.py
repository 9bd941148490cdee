"""Noise made on the device is that of the CPU: the same bits, and numbers up to the rounding of a logarithm."""

import numpy as np
import pytest
import torch

from scalingar.decoding.device_noise import DeviceNoise
from scalingar.decoding.philox import philox_exponential, philox_words

pytestmark = pytest.mark.device
CPU = torch.device("cpu")


def test_the_same_words(device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(2**32, (6, 1000), generator=generator)
    here = philox_words(tuple(words[:4]), tuple(words[4:]))
    there = philox_words(tuple(words[:4].to(device)), tuple(words[4:].to(device)))
    for one, other in zip(here, there, strict=True):
        assert torch.equal(one, other.cpu())


@pytest.mark.parametrize("size", [1, 7, 1024, 16384, 16389])
@pytest.mark.parametrize("rows", [1, 5, 33])
def test_the_same_numbers(rows: int, size: int, device: str) -> None:
    """By whichever kernel there is, and by plain torch on the device."""
    noise = DeviceNoise.for_prompts([3, 2**40], [list(range(rows)), [9]])
    steps = torch.arange(rows + 1) * 257
    here = noise.exponential(steps, size, CPU)
    there = noise.exponential(steps, size, torch.device(device))
    plain = philox_exponential(noise.device_keys(torch.device(device)), steps.to(device), size)
    for other in (there, plain):
        assert other.device.type == torch.device(device).type
        np.testing.assert_allclose(other.cpu().numpy(), here.numpy(), rtol=1e-6)
    assert bool((here > 0).all())
    assert bool(here.isfinite().all())


def test_other_rows_change_nothing(device: str) -> None:
    """Selected, joined and branched streams are those of the CPU."""
    noise = DeviceNoise.streams(5, [0, 1, 2])
    noise.exponential(torch.zeros(3, dtype=torch.long), 9, torch.device(device))
    rows = torch.tensor([2, 0, 2])
    changed = noise.select(rows).join(noise.branch(torch.tensor([1]), [7]))
    steps = torch.tensor([4, 4, 4, 8])
    here, there = (changed.exponential(steps, 9, where) for where in (CPU, torch.device(device)))
    np.testing.assert_allclose(there.cpu().numpy(), here.numpy(), rtol=1e-6)
    alone = noise.exponential(torch.tensor([0, 0, 4]), 9, torch.device(device))
    torch.testing.assert_close(there[0], alone[2], rtol=0, atol=0)
