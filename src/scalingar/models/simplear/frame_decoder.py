"""Cosmos' discrete video tokenizer DV8x16x16, decoding a single frame (NVIDIA 2024, Cosmos-Tokenizer).

The network is a causal one over time: a convolution sees the frames before, and before the first frame it sees that
frame again. Of a single frame all three taps in time therefore see the same, and the network is one over the plane,
whose kernels are the sums of the published ones over time. Attention over time becomes its value alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import WeightsError
from scalingar.models.simplear.haar import last_frame
from scalingar.models.weights.build_module import build_module
from scalingar.models.weights.checkpoint import read_weights

LEVELS = (8, 8, 8, 5, 5, 5)
"""Steps of finite scalar quantization along each axis of a code; their product is the number of codes."""
CODES = 64000
TEMPORAL = 1
"""The level, counted from the coarsest, that also upsamples time."""
_BUFFERS = re.compile(r"(^|\.)(wavelets|_arange|patch_size_buffer|_levels|_basis|implicit_codebook)$")
"""Constants that the archive may hold."""
_TIME_SCORES = re.compile(r"\.attn_1\.1\.[qk]\.")
_NORM = re.compile(r"\.norm\.(weight|bias)$")


@dataclass(frozen=True)
class FrameDecoderConfig:
    """``widths``: channels of each level, finest first. ``blocks``: per level. ``latent``: channels after a code's.

    ``patch``: side of the patches that the inverse wavelet transform makes; a power of 2.
    """

    widths: tuple[int, ...]
    blocks: int
    latent: int
    patch: int

    @property
    def downsample(self) -> int:
        """Pixels per code along each axis."""
        return self.patch * 2 ** (len(self.widths) - 1)


class _Block(nn.Module):
    """Two pairs of convolutions, in the plane and in time, each behind a norm and SiLU, around a shortcut."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(c_in), _norm(c_out)
        self.conv1, self.conv2 = _plane_and_time(c_in, c_out), _plane_and_time(c_out, c_out)
        self.nin_shortcut = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.nin_shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class _PlaneAttention(nn.Module):
    """Single-head attention over all cells."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        q, k, v = (layer(h).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(attended.transpose(1, 2).reshape(x.shape))


class _TimeAttention(nn.Module):
    """Attention over the only frame: all weight is on it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.v, self.proj_out = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.proj_out(self.v(self.norm(x)))


class _Upsample(nn.Module):
    """Double both sides. ``time``: whether the level upsamples time too, which for the first frame is a convolution."""

    def __init__(self, channels: int, *, time: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1) if time else None
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv3 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.conv1 is None else self.conv1(x) + x
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.conv3(self.conv2(x) + x)


class _Level(nn.Module):
    """Residual blocks at one resolution, and the way to the next."""

    def __init__(self, c_in: int, c_out: int, blocks: int, upsample: _Upsample | None) -> None:
        super().__init__()
        self.block = nn.ModuleList(_Block(c_in if j == 0 else c_out, c_out) for j in range(blocks))
        self.upsample = upsample

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        return x if self.upsample is None else self.upsample(x)


class _Middle(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1, self.block_2 = _Block(channels, channels), _Block(channels, channels)
        self.attn_1 = nn.Sequential(_PlaneAttention(channels), _TimeAttention(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class _Decoder(nn.Module):
    def __init__(self, config: FrameDecoderConfig) -> None:
        super().__init__()
        widths, coarsest = config.widths, config.widths[-1]
        self.conv_in = _plane_and_time(config.latent, coarsest)
        self.mid = _Middle(coarsest)
        last = len(widths) - 1
        self.up = nn.ModuleList(
            _Level(
                widths[min(level + 1, last)],
                widths[level],
                config.blocks,
                _Upsample(widths[level], time=last - level == TEMPORAL) if level else None,
            )
            for level in range(last + 1)
        )
        self.norm_out = _norm(widths[0])
        self.conv_out = _plane_and_time(widths[0], 3 * config.patch**3)

    def forward(self, z: Tensor) -> Tensor:
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class FrameDecoder(nn.Module):
    """From codes to RGB: an :class:`~scalingar.decoding.contracts.ImageTokenizer`, in fp32."""

    def __init__(self, config: FrameDecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.post_quant_conv = nn.Conv2d(len(LEVELS), config.latent, 1)
        self.decoder = _Decoder(config)

    @property
    def downsample(self) -> int:
        """Pixels per code along each axis."""
        return self.config.downsample

    @torch.inference_mode()
    def decode(self, codes: Int[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n 3 H W"]:
        """RGB of a grid of codes, nominally in [-1, 1], unclamped."""
        if codes.shape[-1] != grid[0] * grid[1]:
            raise ValueError(f"{codes.shape[-1]} codes do not fill a grid of {grid[0]}x{grid[1]}")
        latents = scalars(to_device(codes, self.post_quant_conv.weight.device)).transpose(1, 2).unflatten(2, grid)
        return last_frame(self.decoder(self.post_quant_conv(latents)), self.config.patch)


def scalars(codes: Int[Tensor, "n t"]) -> Float[Tensor, "n t a"]:
    """The numbers that a code stands for, in [-1, 1), the axis that varies fastest first (Mentzer et al. 2023, FSQ)."""
    levels = torch.tensor(LEVELS, device=codes.device)
    strides = torch.cumprod(torch.tensor((1, *LEVELS[:-1]), device=codes.device), 0)
    half = levels // 2
    return ((codes[..., None] // strides) % levels - half) / half


def load_frame_decoder(path: Path, *, device: str | torch.device = "cpu") -> FrameDecoder:
    """Of the published ``decoder.jit``, in fp32. Raises WeightsError."""
    weights = frame_weights(read_weights(path))
    config = frame_config(weights, path)
    return build_module(lambda: FrameDecoder(config), weights, path, dtype=torch.float32, device=device)


def frame_weights(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the plane: kernels are summed over time, and what a single frame never uses is left out."""
    kept = {name: tensor for name, tensor in published.items() if not _BUFFERS.search(name)}
    levels = _count(kept, "decoder.up.{}.block.0.conv1.0.conv3d.weight")
    idle = {f"decoder.up.{level}.upsample.conv1." for level in range(levels) if levels - 1 - level != TEMPORAL}
    weights: dict[str, Tensor] = {}
    for name, tensor in kept.items():
        if not (_TIME_SCORES.search(name) or name.startswith(tuple(idle))):
            short = _NORM.sub(r".\1", name.replace(".conv3d.", "."))
            weights[short] = tensor.float().sum(2) if tensor.ndim == 5 else tensor
    return weights


def frame_config(weights: Mapping[str, Tensor], path: Path) -> FrameDecoderConfig:
    """Sizes by the shapes of the weights. Raises WeightsError if these are not of such a decoder."""
    levels = _count(weights, "decoder.up.{}.block.0.conv1.0.weight")
    latents, last = weights.get("post_quant_conv.weight"), weights.get("decoder.conv_out.1.weight")
    if not levels or latents is None or last is None or latents.shape[1] != len(LEVELS):
        raise WeightsError(
            f"{path} is not the decoder of a Cosmos tokenizer of discrete video; give its decoder.jit "
            "(nvidia/Cosmos-1.0-Tokenizer-DV8x16x16) as tokenizer."
        )
    return FrameDecoderConfig(
        widths=tuple(len(weights[f"decoder.up.{level}.block.0.conv1.0.weight"]) for level in range(levels)),
        blocks=_count(weights, "decoder.up.0.block.{}.conv1.0.weight"),
        latent=len(latents),
        patch=round((len(last) / 3) ** (1 / 3)),
    )


def _count(weights: Mapping[str, Tensor], pattern: str) -> int:
    """How many of the numbered names there are."""
    return next(number for number in count() if pattern.format(number) not in weights)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(1, channels, eps=1e-6)


def _plane_and_time(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1), nn.Conv2d(c_out, c_out, 1))
