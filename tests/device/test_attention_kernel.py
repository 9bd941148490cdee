"""The kernel of a decoding step's attention against torch's, which reads all slots."""

import pytest
import torch

from scalingar.models.llamagen.fixed_step import by_torch, full_mask

pytestmark = pytest.mark.device


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("rows", "heads", "slots", "width", "prefix"), [(2, 20, 696, 64, 120), (3, 2, 150, 100, 0)])
def test_it_attends_and_stores(
    gpu: str, dtype: torch.dtype, rows: int, heads: int, slots: int, width: int, prefix: int
) -> None:
    from scalingar.models.llamagen.attention_kernel import attend

    generator = torch.Generator(gpu).manual_seed(0)
    stored = torch.randn(2, rows + 1, heads, slots, width, device=gpu, generator=generator).to(dtype)[:, :rows]
    qkv = torch.randn(rows, 1, 3, heads, width, device=gpu, generator=generator).to(dtype).permute(2, 0, 3, 1, 4)
    at = torch.randint(prefix, slots, (rows,), device=gpu, generator=generator)
    mask = None
    if prefix:
        mask = torch.zeros(rows, prefix, device=gpu)
        mask[0, : prefix // 2] = -torch.inf
    other = stored.clone()
    expected = by_torch(other, at, full_mask(mask, at, slots), qkv)
    found = attend(stored, at, mask, qkv)
    torch.testing.assert_close(found, expected, atol=1e-5 if dtype == torch.float32 else 2e-2, rtol=0)
    assert torch.equal(stored, other)
