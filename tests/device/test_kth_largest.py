"""The kernel that finds the k-th largest value against torch's topk."""

import pytest
import torch

from scalingar.profile.statistics.kth_largest import kth_largest

pytestmark = pytest.mark.device


@pytest.mark.parametrize(("shape", "k"), [((8, 16384), 1000), ((2, 3, 100), 2), ((5, 4096), 1), ((2, 3), 3)])
def test_it_is_exact(gpu: str, shape: tuple[int, ...], k: int) -> None:
    values = torch.randn(shape, device=gpu, generator=torch.Generator(gpu).manual_seed(0))
    values[0, ..., 0], values[-1, ..., 1], values[0, ..., 2] = -torch.inf, torch.inf, 0.0
    values[..., 1] = values[..., 2]
    assert torch.equal(kth_largest(values, k), values.topk(k).values[..., -1])
    values[0, ..., 0] = torch.nan
    assert kth_largest(values, 1)[0].isnan().all()
