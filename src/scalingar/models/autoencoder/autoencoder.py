"""The convolutional autoencoder of latent diffusion: pixels to a latent and back. State-dict keys: :class:`Keys`."""

from collections import OrderedDict
from typing import Literal

import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from scalingar.core.settings import Settings
from scalingar.models.autoencoder.conv_blocks import AttnBlock, Keys, Level, ResBlock, feature_norm


class AutoencoderConfig(Settings):
    """Sizes of an autoencoder. Defaults are VAR's.

    The last three depart from the released models: ``norm="channel"`` normalises over channels at each pixel, so that
    codes do not depend on far-away pixels; ``attention=False`` drops global attention; ``patch_size=2`` folds 2 x 2
    pixels into channels, which saves the costly full-resolution level.
    """

    channels: int = Field(160, gt=0, description="width of the first level")
    channel_mult: tuple[PositiveInt, ...] = Field(
        (1, 1, 2, 2, 4), min_length=1, max_length=16, description="width of each level"
    )
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


def _middle(config: AutoencoderConfig, keys: Keys, channels: int) -> nn.Sequential:
    """Two residual blocks at the coarsest level, around attention."""
    attention = AttnBlock(config, channels, keys) if config.attention else nn.Identity()
    parts = (ResBlock(config, channels, channels), attention, ResBlock(config, channels, channels))
    return nn.Sequential(OrderedDict(zip(keys.middle, parts, strict=True)))


class Encoder(nn.Module):
    """``(n, 3, H, W)`` in [-1, 1] to ``(n, z_channels, H/f, W/f)``."""

    def __init__(self, config: AutoencoderConfig, keys: Keys) -> None:
        super().__init__()
        widths, last = config.widths, len(config.widths) - 1
        self.patch_size, self.keys = config.patch_size, keys
        self.conv_in = nn.Conv2d(3 * config.patch_size**2, config.channels, 3, padding=1)
        levels = (
            Level(
                config,
                keys,
                widths[i - 1] if i else config.channels,
                width,
                blocks=config.res_blocks,
                attention=config.attention and i == last,
                resample="downsample" if i < last else None,
            )
            for i, width in enumerate(widths)
        )
        self.add_module(keys.down, nn.ModuleList(levels))
        self.mid = _middle(config, keys, widths[-1])
        self.norm_out = feature_norm(config, widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], config.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(F.pixel_unshuffle(x, self.patch_size))
        for level in self.get_submodule(self.keys.down).children():
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    """``(n, z_channels, h, w)`` to ``(n, 3, f*h, f*w)``, nominally in [-1, 1], unclamped."""

    def __init__(self, config: AutoencoderConfig, keys: Keys) -> None:
        super().__init__()
        widths, last = config.widths, len(config.widths) - 1
        self.patch_size, self.keys = config.patch_size, keys
        self.conv_in = nn.Conv2d(config.z_channels, widths[-1], 3, padding=1)
        self.mid = _middle(config, keys, widths[-1])
        levels = (
            Level(
                config,
                keys,
                widths[min(i + 1, last)],
                widths[i],
                blocks=config.res_blocks + 1,
                attention=config.attention and i == last,
                resample="upsample" if i else None,
            )
            for i in sorted(range(len(widths)), reverse=keys.coarsest_up_first)
        )
        self.add_module(keys.up, nn.ModuleList(levels))
        self.norm_out = feature_norm(config, widths[0])
        self.conv_out = nn.Conv2d(widths[0], 3 * config.patch_size**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid(self.conv_in(x))
        levels = list(self.get_submodule(self.keys.up).children())
        for level in levels if self.keys.coarsest_up_first else reversed(levels):
            x = level(x)
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(x))), self.patch_size)
