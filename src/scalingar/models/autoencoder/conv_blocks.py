"""Convolutional blocks shared by all image tokenizers; their state-dict names are those of :class:`Keys`."""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel of an ``(n, c, h, w)`` map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        channels_last = x.permute(0, 2, 3, 1)
        normed = F.layer_norm(channels_last, self.weight.shape, self.weight, self.bias, 1e-6)
        return normed.permute(0, 3, 1, 2)


class NormChoice(Protocol):
    """The setting of an autoencoder that its residual blocks read."""

    @property
    def norm(self) -> Literal["group", "channel"]:
        """Over groups of channels and all pixels, or over the channels of each pixel."""


def feature_norm(config: NormChoice, channels: int) -> nn.Module:
    """The norm an autoencoder uses throughout."""
    if config.norm == "group":
        return nn.GroupNorm(32, channels, eps=1e-6)
    return ChannelNorm(channels)


class ResBlock(nn.Module):
    """Two convolutions, each behind a norm and SiLU, around a shortcut."""

    def __init__(self, config: NormChoice, c_in: int, c_out: int) -> None:
        super().__init__()
        self.norm1 = feature_norm(config, c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.norm2 = feature_norm(config, c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return (x if self.nin_shortcut is None else self.nin_shortcut(x)) + h


class Resample(nn.Module):
    """Halve (stride-2 convolution, zero pad right and bottom) or double (nearest, convolution) both sides."""

    def __init__(self, channels: int, *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.conv = nn.Conv2d(channels, channels, 3, 1 if up else 2, padding=1 if up else 0)

    def forward(self, x: Tensor) -> Tensor:
        if self.up:
            return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return self.conv(F.pad(x, (0, 1, 0, 1)))


@dataclass(frozen=True)
class Keys:
    """State-dict names of the parts of encoder and decoder; the defaults are latent diffusion's."""

    down: str = "down"
    """Levels of the encoder, finest first."""
    up: str = "up"
    """Levels of the decoder."""
    coarsest_up_first: bool = False
    """Whether level 0 of the decoder is the coarsest."""
    blocks: str = "block"
    """Residual blocks of a level."""
    middle: tuple[str, str, str] = ("block_1", "attn_1", "block_2")
    """Blocks at the coarsest resolution."""
    projections: tuple[str, ...] = ("qkv",)
    """Queries, keys and values of attention, in one convolution or several."""


class AttnBlock(nn.Module):
    """Single-head attention over all positions of the map."""

    def __init__(self, config: NormChoice, channels: int, keys: Keys) -> None:
        super().__init__()
        self.projections = keys.projections
        self.norm = feature_norm(config, channels)
        for name in keys.projections:
            self.add_module(name, nn.Conv2d(channels, 3 * channels // len(keys.projections), 1))
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        qkv = torch.cat([self.get_submodule(name)(h) for name in self.projections], 1)
        q, k, v = qkv.flatten(2).transpose(1, 2).chunk(3, -1)
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(attended.transpose(1, 2).reshape(x.shape))


class Level(nn.Module):
    """One resolution: residual blocks, each optionally followed by attention, then an optional resampling."""

    def __init__(
        self,
        config: NormChoice,
        keys: Keys,
        c_in: int,
        c_out: int,
        *,
        blocks: int,
        attention: bool,
        resample: Literal["upsample", "downsample"] | None,
    ) -> None:
        super().__init__()
        self.blocks, self.resample = keys.blocks, resample
        residual = (ResBlock(config, c_in if j == 0 else c_out, c_out) for j in range(blocks))
        self.add_module(keys.blocks, nn.ModuleList(residual))
        self.attn = nn.ModuleList(AttnBlock(config, c_out, keys) for _ in range(blocks * attention))
        if resample is not None:
            self.add_module(resample, Resample(c_out, up=resample == "upsample"))

    def forward(self, x: Tensor) -> Tensor:
        for j, block in enumerate(self.get_submodule(self.blocks).children()):
            x = block(x)
            if len(self.attn):
                x = self.attn[j](x)
        return x if self.resample is None else self.get_submodule(self.resample)(x)
