import torch

from scalingar.profile.statistics.kth_largest import kth_largest


def test_restated() -> None:
    values = torch.randn(3, 4, 11, generator=torch.Generator().manual_seed(0))
    values[0, 0, 3] = values[0, 0, 4]
    values[1, 1, 2] = -torch.inf
    for k in (1, 2, 11):
        assert torch.equal(kth_largest(values, k), values.sort(-1).values[..., -k])
