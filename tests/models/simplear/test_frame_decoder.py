"""The decoder of one frame equals the decoder of video that it was made from, restated in three dimensions."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.simplear.frame_decoder import CODES, LEVELS, load_frame_decoder, scalars
from scalingar.models.simplear.haar import last_frame
from tests.tiny import simplear as tiny


class Video:
    """The published network on a video ``(n, c, t, h, w)``, causal in time."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.weights = weights

    def conv(self, name: str, x: Tensor) -> Tensor:
        weight, bias = (self.weights[f"{name}.conv3d.{part}"] for part in ("weight", "bias"))
        before = x[:, :, :1].expand(-1, -1, weight.shape[2] - 1, -1, -1)
        edge = weight.shape[3] // 2
        return F.conv3d(F.pad(torch.cat([before, x], 2), (edge, edge, edge, edge)), weight, bias)

    def pair(self, name: str, x: Tensor) -> Tensor:
        return self.conv(f"{name}.1", self.conv(f"{name}.0", x))

    def norm(self, name: str, x: Tensor) -> Tensor:
        frames = x.transpose(1, 2).flatten(0, 1)
        normed = F.group_norm(frames, 1, self.weights[f"{name}.norm.weight"], self.weights[f"{name}.norm.bias"], 1e-6)
        return normed.unflatten(0, (len(x), x.shape[2])).transpose(1, 2)

    def block(self, name: str, x: Tensor) -> Tensor:
        h = self.pair(f"{name}.conv1", F.silu(self.norm(f"{name}.norm1", x)))
        h = self.pair(f"{name}.conv2", F.silu(self.norm(f"{name}.norm2", h)))
        shortcut = f"{name}.nin_shortcut"
        return h + (self.conv(shortcut, x) if f"{shortcut}.conv3d.weight" in self.weights else x)

    def attention(self, name: str, x: Tensor, pattern: str) -> Tensor:
        """Over cells ("plane") or over frames, each cell by itself ("time"); scores by einsum."""
        h = self.norm(f"{name}.norm", x)
        q, k, v = (self.conv(f"{name}.{layer}", h) for layer in "qkv")
        if pattern == "plane":
            scores = torch.einsum("ncthw,nctij->nthwij", q, k) / q.shape[1] ** 0.5
            shares = scores.flatten(-2).softmax(-1).view_as(scores)
            attended = torch.einsum("nthwij,nctij->ncthw", shares, v)
        else:
            scores = torch.einsum("ncthw,ncshw->nhwts", q, k) / q.shape[1] ** 0.5
            future = torch.ones(scores.shape[-2:]).triu(1).bool()
            attended = torch.einsum("nhwts,ncshw->ncthw", scores.masked_fill(future, -torch.inf).softmax(-1), v)
        return x + self.conv(f"{name}.proj_out", attended)

    def decode(self, z: Tensor) -> Tensor:
        h = self.pair("decoder.conv_in", self.conv("post_quant_conv", z))
        h = self.block("decoder.mid.block_1", h)
        h = self.attention("decoder.mid.attn_1.0", h, "plane")
        h = self.attention("decoder.mid.attn_1.1", h, "time")
        h = self.block("decoder.mid.block_2", h)
        for level in (2, 1, 0):
            for j in range(tiny.BLOCKS):
                h = self.block(f"decoder.up.{level}.block.{j}", h)
            up = f"decoder.up.{level}.upsample"
            if level == 1:  # time is doubled too, all but the first frame
                h = h.repeat_interleave(2, 2)[:, :, 1:] if h.shape[2] > 1 else h
                h = h + self.conv(f"{up}.conv1", h)
            if level:
                h = h.repeat_interleave(2, 3).repeat_interleave(2, 4)
                h = self.conv(f"{up}.conv3", h + self.conv(f"{up}.conv2", h))
        return unpatched(self.pair("decoder.conv_out", F.silu(self.norm("decoder.norm_out", h))))


def unpatched(x: Tensor) -> Tensor:
    """Inverse Haar transform of time and both sides by transposed convolutions; the padding in time is cut off."""
    low = torch.tensor([1.0, 1.0]) / 2**0.5
    high = low * torch.tensor([1.0, -1.0])
    for _ in range(2):
        bands = x.chunk(8, 1)
        groups = bands[0].shape[1]
        x = torch.zeros(())
        for number, band in enumerate(bands):
            time, rows, columns = ((low, high)[(number >> shift) & 1] for shift in (2, 1, 0))
            kernel = torch.einsum("t,h,w->thw", time, rows, columns).expand(groups, 1, 2, 2, 2)
            x = x + F.conv_transpose3d(band, kernel, stride=2, groups=groups)
        x = x * 8**0.5
    return x[:, :, tiny.PATCH - 1 :]


def test_one_frame_of_the_video_decoder(tmp_path: Path) -> None:
    published = tiny.published_decoder()
    decoder = load_frame_decoder(tiny.save_archive(tmp_path / "decoder.jit", published))
    codes = torch.randint(CODES, (2, 6), generator=torch.Generator().manual_seed(1))
    picture = decoder.decode(codes, (2, 3))
    latents = scalars(codes).transpose(1, 2).reshape(2, 6, 1, 2, 3)
    expected = Video(published).decode(latents)
    assert expected.shape == (2, 3, 1, 32, 48)
    assert picture.std() > 0.1
    torch.testing.assert_close(picture, expected[:, :, 0], atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="6 codes do not fill a grid of 3x3"):
        decoder.decode(codes, (3, 3))


def test_the_transform_alone() -> None:
    bands = torch.randn(1, 192, 2, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(last_frame(bands, 4), unpatched(bands[:, :, None])[:, :, 0])


def test_each_code_is_one_point_of_the_grid() -> None:
    points = scalars(torch.arange(CODES)[None])[0]
    assert len(points.unique(dim=0)) == CODES
    assert points[0].tolist() == [-1] * 6
    assert points[1].tolist() == [-0.75, *[-1] * 5]
    assert points[8 * 8 * 8].tolist() == [-1, -1, -1, -0.5, -1, -1]
    assert [len(axis.unique()) for axis in points.T] == list(LEVELS)


def test_other_archives(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"is not the decoder of a Cosmos tokenizer of discrete video; give its"):
        load_frame_decoder(tiny.save_archive(tmp_path / "encoder.jit", {"quant_conv.conv3d.weight": torch.ones(2)}))
    incomplete = tiny.published_decoder()
    del incomplete["decoder.mid.attn_1.0.q.conv3d.bias"]
    with pytest.raises(WeightsError, match=r"lacks 'decoder\.mid\.attn_1\.0\.q\.bias'"):
        load_frame_decoder(tiny.save_archive(tmp_path / "decoder.jit", incomplete))
