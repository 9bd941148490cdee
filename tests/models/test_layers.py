"""Norm, feed-forward and rotary positions against restatements and the official table."""

import numpy as np
import pytest
import torch

from scalingar.models.layers import FeedForward, Linear, RMSNorm, apply_rope, rope_table, rotations
from tests.upstream import reference

FILES = ("llamagen_c2i", "llamagen_t2i", "basic/gpt_c2i", "basic/gpt_c2i_hd20", "basic/gpt_t2i")


@pytest.mark.parametrize("name", FILES)
def test_rope_table_is_the_official_one(name: str) -> None:
    file = reference.load(name)
    config = file.config
    table = rope_table(
        (config["grid"], config["grid"]),
        config["dim"] // config["heads"],
        base=10000.0,
        prefix=config["n_cls"],
        prefix_rotation=False,
    )
    torch.testing.assert_close(table, file["rope_table"], atol=1e-6, rtol=0)
    assert (table[: config["n_cls"]] == 0).all()


def test_rope_turns_the_first_half_by_row_and_the_second_by_column() -> None:
    table = rope_table((2, 3), 8, base=100.0, prefix=1, prefix_rotation=True)
    frequencies = np.array([1.0, 1.0 / 10.0])  # 100 ** -(2k / 4)
    angles = np.concatenate([1 * frequencies, 2 * frequencies])  # row 1, column 2
    np.testing.assert_allclose(table[1 + 5, :, 0], np.cos(angles), atol=1e-6)
    np.testing.assert_allclose(table[1 + 5, :, 1], np.sin(angles), atol=1e-6)
    assert table[0].tolist() == [[1.0, 0.0]] * 4


def test_rope_rotates_adjacent_pairs() -> None:
    quarter_turn = rotations(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]))
    x = torch.tensor([1.0, 2.0, 3.0, 4.0])[None, None, None]
    assert apply_rope(x, quarter_turn).flatten().tolist() == [-2.0, 1.0, 3.0, 4.0]


def test_rope_per_row_equals_rope_of_each_row() -> None:
    table = rope_table((4, 4), 8, base=10000.0, prefix=0, prefix_rotation=False)
    x = torch.randn(3, 1, 2, 8, generator=torch.Generator().manual_seed(0))
    at = torch.tensor([3, 9, 14])
    together = apply_rope(x, rotations(table[at][:, None]))
    for row, position in enumerate(at.tolist()):
        alone = apply_rope(x[row : row + 1], rotations(table[position : position + 1]))
        assert torch.equal(together[row : row + 1], alone)


def test_rope_keeps_dtype_and_computes_in_fp32() -> None:
    table = rope_table((8, 8), 16, base=10000.0, prefix=0, prefix_rotation=False)
    x = torch.randn(1, 64, 2, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    turned = apply_rope(x, rotations(table))
    assert turned.dtype == torch.bfloat16
    assert torch.equal(turned, apply_rope(x.float(), rotations(table)).bfloat16())


def test_rms_norm_is_the_root_mean_square() -> None:
    norm = RMSNorm(4, eps=1e-5)
    norm.weight.data = torch.tensor([1.0, 2.0, 3.0, 4.0])
    x = np.array([1.0, -2.0, 3.0, 0.5], np.float32)
    expected = x / np.sqrt((x * x).mean() + 1e-5) * np.array([1, 2, 3, 4])
    np.testing.assert_allclose(norm(torch.from_numpy(x)).detach(), expected, rtol=1e-6)


def test_rms_norm_casts_before_the_weight() -> None:
    generator = torch.Generator().manual_seed(0)
    norm = RMSNorm(64, eps=1e-5).bfloat16()
    norm.weight.data = torch.rand(64, generator=generator).bfloat16()
    x = torch.randn(32, 64, generator=generator).bfloat16()
    inner = x.float() * torch.rsqrt((x.float() ** 2).mean(-1, keepdim=True) + 1e-5)
    cast_first = inner.bfloat16() * norm.weight
    cast_last = (inner * norm.weight.float()).bfloat16()
    assert torch.equal(norm(x), cast_first)
    assert not torch.equal(norm(x), cast_last)


def test_feed_forward_gates_w1_not_w3() -> None:
    layer = FeedForward(1, 1)
    for weight, value in ((layer.w1, 2.0), (layer.w3, 3.0), (layer.w2, 5.0)):
        weight.weight.data.fill_(value)
    silu_of_two = 2.0 / (1.0 + np.exp(-2.0))
    assert layer(torch.ones(1, 1)).item() == pytest.approx(silu_of_two * 3.0 * 5.0)


@pytest.mark.parametrize("shape", [(2, 1), (16, 1), (4, 8), (3, 64), (40,)])
def test_linear_is_torchs_for_any_number_of_rows(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    monkeypatch.setattr("scalingar.models.layers.LARGE_WEIGHT", 0)
    generator = torch.Generator().manual_seed(0)
    layer = Linear(24, 40)
    layer.weight.data = torch.randn(40, 24, generator=generator)
    x = torch.randn(*shape, 24, generator=generator)
    with torch.inference_mode():
        out = layer(x)
    assert out.is_contiguous()
    torch.testing.assert_close(out, x @ layer.weight.detach().T, atol=1e-5, rtol=1e-5)


def test_linear_learns() -> None:
    layer = Linear(4, 3)
    layer(torch.ones(16, 4)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[16.0] * 4] * 3


def test_rope_takes_numbers_or_pairs() -> None:
    table = rope_table((4, 4), 8, base=10000.0, prefix=0, prefix_rotation=False)
    x = torch.randn(2, 16, 3, 8, generator=torch.Generator().manual_seed(0))
    turns = rotations(table)
    torch.testing.assert_close(apply_rope(x, torch.view_as_real(turns)), apply_rope(x, turns), atol=1e-6, rtol=0)
