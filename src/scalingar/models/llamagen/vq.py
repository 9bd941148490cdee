"""LlamaGen's VQ tokenizer: images to a grid of codes and back.

State-dict keys are those of the released ``vq_ds16_*``/``vq_ds8_*`` files (also Janus' ``gen_vision_model``), so the
official weights load into this very class. Three options leave that path: ``norm="channel"`` normalises over channels
at each pixel (codes then do not depend on far-away pixels), ``attention=False`` drops global attention, and
``patch_size=2`` folds 2 x 2 pixels into channels, which saves the costly full-resolution level.
"""

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from scalingar.models.autoencoder.parts import Level, NormChoice, ResBlock, feature_norm


class VQConfig(BaseModel):
    """Sizes of a VQ tokenizer. Defaults are LlamaGen's VQ-16."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codebook_size: int = Field(16384, gt=0, description="number of codes V")
    codebook_dim: int = Field(8, gt=0, description="channels of one code")
    channels: int = Field(128, gt=0, description="width of the first level")
    channel_mult: tuple[int, ...] = Field((1, 1, 2, 2, 4), description="width of each level")
    z_channels: int = Field(256, gt=0, description="channels of the latent before quantisation")
    res_blocks: int = Field(2, gt=0, description="residual blocks per encoder level")
    norm: Literal["group", "channel"] = "group"
    attention: bool = True
    patch_size: int = Field(1, gt=0, description="pixels along each axis folded into channels")

    @property
    def downsample(self) -> int:
        """Pixels per code along each axis."""
        return int(self.patch_size * 2 ** (len(self.channel_mult) - 1))


class AttnBlock(nn.Module):
    """Single-head attention over all positions of the map."""

    def __init__(self, config: NormChoice, channels: int) -> None:
        super().__init__()
        self.norm = feature_norm(config, channels)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        q, k, v = (conv(h).flatten(2).transpose(1, 2) for conv in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(attended.transpose(1, 2).reshape(x.shape))


class VQLevel(Level):
    """Keys ``res.j`` and ``attn.j``."""

    blocks_key = "res"
    attention_block = AttnBlock


def _middle(config: VQConfig, channels: int) -> nn.ModuleList:
    attention = AttnBlock(config, channels) if config.attention else nn.Identity()
    return nn.ModuleList([ResBlock(config, channels, channels), attention, ResBlock(config, channels, channels)])


class Encoder(nn.Module):
    """``(n, 3, H, W)`` in [-1, 1] to ``(n, z_channels, H/f, W/f)``."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        widths = [config.channels * m for m in config.channel_mult]
        last = len(widths) - 1
        self.patch_size = config.patch_size
        self.conv_in = nn.Conv2d(3 * config.patch_size**2, config.channels, 3, padding=1)
        self.conv_blocks = nn.ModuleList(
            VQLevel(
                config,
                widths[i - 1] if i else config.channels,
                width,
                blocks=config.res_blocks,
                attention=config.attention and i == last,
                resample="downsample" if i < last else None,
            )
            for i, width in enumerate(widths)
        )
        self.mid = _middle(config, widths[-1])
        self.norm_out = feature_norm(config, widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], config.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(F.pixel_unshuffle(x, self.patch_size))
        for block in (*self.conv_blocks, *self.mid):
            x = block(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Decoder(nn.Module):
    """``(n, z_channels, h, w)`` to ``(n, 3, f*h, f*w)``, nominally in [-1, 1], unclamped."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        widths = [config.channels * m for m in reversed(config.channel_mult)]
        last = len(widths) - 1
        self.conv_in = nn.Conv2d(config.z_channels, widths[0], 3, padding=1)
        self.mid = _middle(config, widths[0])
        self.conv_blocks = nn.ModuleList(
            VQLevel(
                config,
                widths[i - 1] if i else widths[0],
                width,
                blocks=config.res_blocks + 1,
                attention=config.attention and i == 0,
                resample="upsample" if i < last else None,
            )
            for i, width in enumerate(widths)
        )
        self.norm_out = feature_norm(config, widths[-1])
        self.patch_size = config.patch_size
        self.conv_out = nn.Conv2d(widths[-1], 3 * config.patch_size**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for block in (*self.mid, *self.conv_blocks):
            x = block(x)
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(x))), self.patch_size)


class Codebook(nn.Module):
    """Codes compared and returned on the unit sphere."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.codebook_size, config.codebook_dim)

    @property
    def codes(self) -> Float[Tensor, "v d"]:
        return F.normalize(self.embedding.weight, dim=-1)

    def nearest(self, z: Float[Tensor, "n d h w"]) -> Int[Tensor, "n t"]:
        """Index of the closest code (cosine) at each cell, raster order."""
        flat = F.normalize(z, dim=1).flatten(2).transpose(1, 2)
        return (flat @ self.codes.T).argmax(-1)

    def lookup(self, codes: Int[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n d h w"]:
        entries = F.normalize(self.embedding(codes.long()), dim=-1)
        return entries.transpose(1, 2).unflatten(2, grid)


class VQTokenizer(nn.Module):
    """Encoder, codebook and decoder; see :class:`VQConfig` for the sizes."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quantize = Codebook(config)
        self.quant_conv = nn.Conv2d(config.z_channels, config.codebook_dim, 1)
        self.post_quant_conv = nn.Conv2d(config.codebook_dim, config.z_channels, 1)

    @property
    def downsample(self) -> int:
        """Pixels per code along each axis."""
        return self.config.downsample

    def latent(self, images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n d h w"]:
        """Continuous latent before quantisation."""
        return self.quant_conv(self.encoder(images))

    def encode(self, images: Float[Tensor, "n 3 H W"]) -> Int[Tensor, "n t"]:
        """Codes of RGB images in [-1, 1], raster order; ``H`` and ``W`` must be multiples of the downsampling."""
        height, width = images.shape[-2:]
        factor = self.config.downsample
        if height % factor or width % factor:
            raise ValueError(f"image is {height}x{width}; both sides must be multiples of {factor} for this tokenizer")
        return self.quantize.nearest(self.latent(images))

    def decode_latent(self, z: Float[Tensor, "n d h w"]) -> Float[Tensor, "n 3 H W"]:
        return self.decoder(self.post_quant_conv(z))

    def decode(self, codes: Int[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n 3 H W"]:
        """RGB of a grid of codes, nominally in [-1, 1], unclamped. ``grid`` is ``(h, w)`` with ``h * w = t``.

        The codes may be on any device.
        """
        if codes.shape[-1] != grid[0] * grid[1]:
            raise ValueError(f"{codes.shape[-1]} codes do not fill a grid of {grid[0]}x{grid[1]}")
        return self.decode_latent(self.quantize.lookup(codes.to(self.post_quant_conv.weight.device), grid))
