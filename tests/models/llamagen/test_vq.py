"""The VQ tokenizer's sizes and options; parity is in ``tests/doctor/test_golden.py``."""

import pytest
import torch

from scalingar.models.llamagen.vq import VQConfig, VQTokenizer
from tests.tiny import llamagen as tiny


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.uint8])
def test_codes_of_any_integer_type(dtype: torch.dtype) -> None:
    model = tiny.tiny_vq()
    codes = torch.arange(16)[None]
    assert torch.equal(model.decode(codes.to(dtype), (4, 4)), model.decode(codes, (4, 4)))


def test_published_sizes() -> None:
    with torch.device("meta"):
        vq16 = VQTokenizer(VQConfig())
        vq8 = VQTokenizer(VQConfig(channel_mult=(1, 2, 2, 4)))
    assert vq16.config.downsample == 16
    assert vq8.config.downsample == 8
    # 344 tensors in the released file, one of which is the bookkeeping buffer ``codebook_used``.
    assert len(vq16.state_dict()) == 343
    assert sum(p.numel() for p in vq16.parameters()) / 1e6 == pytest.approx(71.88, abs=0.006)


def test_released_names_of_the_deep_layers() -> None:
    with torch.device("meta"):
        shapes = {key: tuple(t.shape) for key, t in VQTokenizer(VQConfig()).state_dict().items()}
    assert shapes["decoder.conv_in.weight"] == (512, 256, 3, 3)
    assert shapes["decoder.conv_blocks.1.res.0.conv1.weight"] == (256, 512, 3, 3)
    assert shapes["decoder.conv_blocks.1.res.0.nin_shortcut.weight"] == (256, 512, 1, 1)
    assert shapes["decoder.conv_blocks.3.res.0.conv1.weight"] == (128, 256, 3, 3)
    assert shapes["decoder.conv_blocks.0.attn.2.proj_out.weight"] == (512, 512, 1, 1)
    assert shapes["decoder.conv_out.weight"] == (3, 128, 3, 3)
    assert shapes["encoder.conv_blocks.4.attn.1.q.weight"] == (512, 512, 1, 1)
    assert shapes["encoder.conv_blocks.3.downsample.conv.weight"] == (256, 256, 3, 3)


@pytest.mark.parametrize("patch_size", [1, 2])
def test_sizes_follow_the_grid(patch_size: int) -> None:
    model = tiny.tiny_vq(tiny.VQ_CONFIG.model_copy(update={"patch_size": patch_size}))
    factor = 4 * patch_size
    assert model.config.downsample == factor
    codes = model.encode(torch.zeros(2, 3, 3 * factor, 5 * factor))
    assert codes.shape == (2, 15)
    assert model.decode(codes, (3, 5)).shape == (2, 3, 3 * factor, 5 * factor)


def test_wrong_sizes_are_refused() -> None:
    model = tiny.tiny_vq()
    with pytest.raises(ValueError, match="image is 16x18; both sides must be multiples of 4"):
        model.encode(torch.zeros(1, 3, 16, 18))
    with pytest.raises(ValueError, match="15 codes do not fill a grid of 4x4"):
        model.decode(torch.zeros(1, 15, dtype=torch.long), (4, 4))


def test_grid_is_rows_then_columns() -> None:
    """Raster order: code ``i`` stands in row ``i // width``."""
    model = tiny.tiny_vq()
    grid = model.quantize.lookup(torch.arange(6)[None], (2, 3))
    for index, code in enumerate(model.quantize.codes[:6]):
        assert torch.equal(grid[0, :, index // 3, index % 3], code)


def test_codes_are_compared_by_direction() -> None:
    model = tiny.tiny_vq()
    codes = torch.arange(16)[None]
    entries = model.quantize.lookup(codes, (4, 4))
    torch.testing.assert_close(entries.norm(dim=1), torch.ones(1, 4, 4))
    assert torch.equal(model.quantize.nearest(entries * 7.0), codes)


@torch.inference_mode()
def test_channel_norm_keeps_far_pixels_apart() -> None:
    """The options' purpose: a change in one corner leaves the code of the other corner alone."""
    images = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    moved = images.clone()
    moved[..., :16, :16] = 1.0
    local = tiny.tiny_vq()
    assert torch.equal(local.latent(images)[..., -8:, -8:], local.latent(moved)[..., -8:, -8:])
    group = tiny.tiny_vq(VQConfig(**{**dict(tiny.VQ_CONFIG), "norm": "group", "channels": 32}))
    far = group.latent(images)[..., -8:, -8:] - group.latent(moved)[..., -8:, -8:]
    assert far.abs().max() > 1e-4
