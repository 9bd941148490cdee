"""The convolutional autoencoder of latent diffusion, as VAR and Infinity use it: pixels to a latent map and back.

It computes what :mod:`scalingar.models.llamagen.vq` does, under other state-dict keys (``down.i.block.j``,
``mid.block_1``, ``up.i`` counted from the finest level), so that VAR's official tokenizer loads strictly.
"""

from typing import Literal

import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from scalingar.models.autoencoder.parts import Level, NormChoice, ResBlock, feature_norm


class AutoencoderConfig(BaseModel):
    """Sizes of an autoencoder. Defaults are VAR's; ``VQConfig`` of LlamaGen explains the last three."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: int = Field(160, gt=0, description="width of the first level")
    channel_mult: tuple[int, ...] = Field((1, 1, 2, 2, 4), min_length=1, description="width of each level")
    z_channels: int = Field(32, gt=0, description="channels of the latent")
    res_blocks: int = Field(2, gt=0, description="residual blocks per encoder level")
    norm: Literal["group", "channel"] = "group"
    attention: bool = True
    patch_size: int = Field(1, gt=0, description="pixels along each axis folded into channels")

    @property
    def widths(self) -> list[int]:
        """Channels of each level, finest first."""
        return [self.channels * m for m in self.channel_mult]

    @property
    def downsample(self) -> int:
        """Pixels per latent cell along each axis."""
        return int(self.patch_size * 2 ** (len(self.channel_mult) - 1))


class FusedAttnBlock(nn.Module):
    """Single-head attention over all positions of the map, queries, keys and values from one projection."""

    def __init__(self, config: NormChoice, channels: int) -> None:
        super().__init__()
        self.norm = feature_norm(config, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, -1)
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(attended.transpose(1, 2).reshape(x.shape))


class LDMLevel(Level):
    """Keys ``block.j`` and ``attn.j``."""

    blocks_key = "block"
    attention_block = FusedAttnBlock


class Middle(nn.Module):
    """Two residual blocks at the coarsest level, around attention."""

    def __init__(self, config: AutoencoderConfig, channels: int) -> None:
        super().__init__()
        self.block_1 = ResBlock(config, channels, channels)
        self.attn_1 = FusedAttnBlock(config, channels) if config.attention else nn.Identity()
        self.block_2 = ResBlock(config, channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class Encoder(nn.Module):
    """``(n, 3, H, W)`` in [-1, 1] to ``(n, z_channels, H/f, W/f)``."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths, last = config.widths, len(config.widths) - 1
        self.patch_size = config.patch_size
        self.conv_in = nn.Conv2d(3 * config.patch_size**2, config.channels, 3, padding=1)
        self.down = nn.ModuleList(
            LDMLevel(
                config,
                widths[i - 1] if i else config.channels,
                width,
                blocks=config.res_blocks,
                attention=config.attention and i == last,
                resample="downsample" if i < last else None,
            )
            for i, width in enumerate(widths)
        )
        self.mid = Middle(config, widths[-1])
        self.norm_out = feature_norm(config, widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], config.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(F.pixel_unshuffle(x, self.patch_size))
        for level in self.down:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    """``(n, z_channels, h, w)`` to ``(n, 3, f*h, f*w)``, nominally in [-1, 1], unclamped."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths, last = config.widths, len(config.widths) - 1
        self.patch_size = config.patch_size
        self.conv_in = nn.Conv2d(config.z_channels, widths[-1], 3, padding=1)
        self.mid = Middle(config, widths[-1])
        self.up = nn.ModuleList(
            LDMLevel(
                config,
                widths[min(i + 1, last)],
                width,
                blocks=config.res_blocks + 1,
                attention=config.attention and i == last,
                resample="upsample" if i else None,
            )
            for i, width in enumerate(widths)
        )
        self.norm_out = feature_norm(config, widths[0])
        self.conv_out = nn.Conv2d(widths[0], 3 * config.patch_size**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(x))), self.patch_size)
