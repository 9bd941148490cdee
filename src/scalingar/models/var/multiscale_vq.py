"""VAR's image tokenizer: an image as codes at growing resolutions, whose embeddings add up to one latent.

State-dict keys are those of the released ``vae_ch160v4096z32.pth``; its weights load into this very class. The options
of :class:`~scalingar.models.autoencoder.autoencoder.AutoencoderConfig` make it small and local for an embedded model.
"""

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn

from scalingar.core.errors import ConfigError
from scalingar.models.autoencoder.autoencoder import AutoencoderConfig, Decoder, Encoder
from scalingar.models.autoencoder.conv_blocks import Keys

SIDES_256 = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16)
SIDES_512 = (1, 2, 3, 4, 6, 9, 13, 18, 24, 32)
"""Sides of the token grids of VAR's published models, for 256 and 512 pixels."""
MOST_SCALES = 64


class MultiScaleVQConfig(AutoencoderConfig):
    """Sizes of a multi-scale tokenizer. Defaults are VAR's, for 256 pixels."""

    codebook_size: int = Field(4096, gt=0, description="number of codes V")
    sides: tuple[int, ...] = Field(
        SIDES_256, min_length=1, max_length=MOST_SCALES, description="side of each scale's token grid, growing"
    )
    shared_phis: int = Field(4, gt=0, description="convolutions that the scales share")
    phi_ratio: float = Field(0.5, ge=0, le=1, description="share of the convolution in what a scale adds")
    quant_kernel: int = Field(3, gt=0, description="kernel of the convolutions around the quantiser, odd")
    unit_latents: bool = Field(False, description="the encoder's latent has length 1 in every cell")

    @model_validator(mode="after")
    def _sides_grow(self) -> "MultiScaleVQConfig":
        if list(self.sides) != sorted(set(self.sides)) or self.sides[0] < 1:
            raise ValueError(f"sides are {self.sides}; they must grow from scale to scale")
        if self.quant_kernel % 2 == 0:
            raise ValueError(f"quant_kernel is {self.quant_kernel}; it must be odd")
        return self

    @property
    def image_size(self) -> int:
        """Pixels along each side of the images of this schedule."""
        return self.sides[-1] * self.downsample


def phi_ticks(phis: int) -> NDArray[np.float64]:
    """Where between the first scale (0) and the last (1) each shared convolution stands."""
    margin = 1 / 3 / phis if phis == 4 else 1 / 2 / phis
    return np.linspace(margin, 1 - margin, phis)


def phi_index(scales: int, phis: int) -> list[int]:
    """VAR's choice of a convolution for every scale: the nearest of :func:`phi_ticks` to ``k / (scales - 1)``.

    In numpy's float64 arithmetic, which decides ties as the published weights were trained: scales 2 and 7 of 10 lie
    half-way between two ticks, and pure Python gives another answer at 7.
    """
    ticks = phi_ticks(phis)
    return [int(np.argmin(np.abs(ticks - k / max(scales - 1, 1)))) for k in range(scales)]


class SharedPhis(nn.Module):
    """Convolutions that smooth what a scale adds: ``(1 - r) h + r conv(h)``; see :func:`phi_index`."""

    def __init__(self, config: MultiScaleVQConfig) -> None:
        super().__init__()
        channels = config.z_channels
        self.qresi_ls = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(config.shared_phis))
        self.ratio = config.phi_ratio
        self.index = phi_index(len(config.sides), config.shared_phis)

    def forward(self, h: Float[Tensor, "n d s s"], scale: int) -> Float[Tensor, "n d s s"]:
        conv = cast(nn.Conv2d, self.qresi_ls[self.index[scale]])
        return (1 - self.ratio) * h + self.ratio * conv(h.to(conv.weight.dtype)).float()


class ResidualQuantizer(nn.Module):
    """Codes of every scale from a latent, and back; latents are fp32 whatever the weights are."""

    def __init__(self, config: MultiScaleVQConfig) -> None:
        super().__init__()
        self.sides = config.sides
        self.embedding = nn.Embedding(config.codebook_size, config.z_channels)
        self.quant_resi = SharedPhis(config)

    def start(self, n: int, device: torch.device | str) -> Float[Tensor, "n d h w"]:
        """The latent of ``n`` images before any scale: zeros, fp32."""
        return torch.zeros(n, self.embedding.embedding_dim, self.sides[-1], self.sides[-1], device=device)

    def accumulate(
        self, latent: Float[Tensor, "n d h w"], codes: Int[Tensor, "n l g"], scale: int
    ) -> Float[Tensor, "n d h w"]:
        """Add the embeddings of codes ``(n, l, 1)``, enlarged (bicubic) and smoothed, to a new latent.

        Raises:
            ConfigError: the codes do not fill the scale's grid.
        """
        side = self.sides[scale]
        if codes.shape[1:] != (side * side, 1):
            raise ConfigError(
                f"codes of scale {scale} are {tuple(codes.shape[1:])} per image; this tokenizer's grid there is "
                f"{side}x{side}."
            )
        h = self.embedding(codes[..., 0].long()).float().transpose(1, 2).unflatten(2, (side, side))
        if scale < len(self.sides) - 1:
            h = F.interpolate(h, size=(self.sides[-1],) * 2, mode="bicubic")
        return latent + self.quant_resi(h, scale)

    def vectors(self, codes: Int[Tensor, "n l g"]) -> Float[Tensor, "n l e"]:
        """Embeddings of codes ``(n, l, 1)``."""
        return self.embedding(codes[..., 0].long()).float()

    def reduced(self, latent: Float[Tensor, "n d h w"], scale: int) -> Float[Tensor, "n d s s"]:
        """The latent averaged over the cells of a scale's grid."""
        return F.interpolate(latent, size=(self.sides[scale],) * 2, mode="area")

    def features(self, latent: Float[Tensor, "n d h w"], scale: int) -> Float[Tensor, "n l d"]:
        """What the transformer reads at ``scale`` (1 or later): the cells of :meth:`reduced` in raster order."""
        return self.reduced(latent, scale).flatten(2).transpose(1, 2)

    def nearest(self, z: Float[Tensor, "n d s s"]) -> Int[Tensor, "n l g"]:
        """Index of the closest code (Euclidean) at each cell, raster order."""
        flat = z.flatten(2).transpose(1, 2)
        codes = self.embedding.weight.float()
        return (codes.square().sum(-1) - 2 * flat @ codes.T).argmin(-1, keepdim=True)

    def encode(self, latent: Float[Tensor, "n d h w"]) -> list[Int[Tensor, "n _l g"]]:
        """Codes of every scale, each for what the scales before it leave unexplained."""
        excess = -latent.float()  # of what is explained over what should be: scales can be added to it
        codes = []
        for scale in range(len(self.sides)):
            codes.append(self.nearest(self.reduced(-excess, scale)))
            excess = self.accumulate(excess, codes[-1], scale)
        return codes


class MultiScaleVQ(nn.Module):
    """Encoder, residual quantiser and decoder; a :class:`~scalingar.decoding.contracts.ScaleTokenizer`."""

    def __init__(self, config: MultiScaleVQConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, Keys())
        self.decoder = Decoder(config, Keys())
        self.quantize = ResidualQuantizer(config)
        kernel, channels = config.quant_kernel, config.z_channels
        self.quant_conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.post_quant_conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return self.post_quant_conv.weight.dtype

    def start(self, n: int, device: torch.device | str) -> Float[Tensor, "n d h w"]:
        """The latent of ``n`` images before any scale: zeros, fp32."""
        return self.quantize.start(n, device)

    def accumulate(
        self, latent: Float[Tensor, "n d h w"], codes: Int[Tensor, "n l g"], scale: int
    ) -> Float[Tensor, "n d h w"]:
        """A new latent with the codes of ``scale`` added; see :meth:`ResidualQuantizer.accumulate`."""
        return self.quantize.accumulate(latent, codes, scale)

    def features(self, latent: Float[Tensor, "n d h w"], scale: int) -> Float[Tensor, "n l d"]:
        """What the transformer reads at ``scale``; see :meth:`ResidualQuantizer.features`."""
        return self.quantize.features(latent, scale)

    def vectors(self, codes: Int[Tensor, "n l g"]) -> Float[Tensor, "n l e"]:
        """See :meth:`ResidualQuantizer.vectors`."""
        return self.quantize.vectors(codes)

    def decode(self, latent: Float[Tensor, "n d h w"]) -> Float[Tensor, "n 3 H W"]:
        """RGB of a latent, complete or not: nominally in [-1, 1], unclamped, fp32."""
        return self.decoder(self.post_quant_conv(latent.to(self.dtype))).float()

    def latent(self, images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n d h w"]:
        """Continuous latent of RGB images in [-1, 1], before quantisation.

        Raises:
            ConfigError: the images have another size than the schedule.
        """
        height, width = images.shape[-2:]
        size = self.config.image_size
        if (height, width) != (size, size):
            raise ConfigError(f"images are {height}x{width} pixels; this tokenizer's scales end at {size}x{size}.")
        latent = self.quant_conv(self.encoder(images.to(self.dtype))).float()
        return F.normalize(latent, dim=1) if self.config.unit_latents else latent

    def encode(self, images: Float[Tensor, "n 3 H W"]) -> list[Int[Tensor, "n _l g"]]:
        """Codes ``(n, l, 1)`` of every scale of RGB images in [-1, 1]. Raises ConfigError as :meth:`latent` does."""
        return self.quantize.encode(self.latent(images))
