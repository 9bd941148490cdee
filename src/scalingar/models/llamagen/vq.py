"""LlamaGen's VQ tokenizer: images to a grid of codes and back.

State-dict keys are those of the released ``vq_ds16_*``/``vq_ds8_*`` files (also Janus' ``gen_vision_model``), so the
official weights load into this very class.
"""

import torch.nn.functional as F
from jaxtyping import Float, Int, Integer
from pydantic import Field
from torch import Tensor, nn

from scalingar.core.device.transfer import to_device
from scalingar.models.autoencoder.autoencoder import AutoencoderConfig, Decoder, Encoder
from scalingar.models.autoencoder.conv_blocks import Keys

KEYS = Keys(
    down="conv_blocks",
    up="conv_blocks",
    coarsest_up_first=True,
    blocks="res",
    middle=("0", "1", "2"),
    projections=("q", "k", "v"),
)
"""LlamaGen's names for the parts of encoder and decoder."""


class VQConfig(AutoencoderConfig):
    """Sizes of a VQ tokenizer. Defaults are LlamaGen's VQ-16."""

    channels: int = Field(128, gt=0, description="width of the first level")
    z_channels: int = Field(256, gt=0, description="channels of the latent before quantisation")
    codebook_size: int = Field(16384, gt=0, description="number of codes V")
    codebook_dim: int = Field(8, gt=0, description="channels of one code")


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

    def vectors(self, codes: Integer[Tensor, "n t"]) -> Float[Tensor, "n t d"]:
        return F.normalize(self.embedding(codes.long()), dim=-1)

    def lookup(self, codes: Integer[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n d h w"]:
        return self.vectors(codes).transpose(1, 2).unflatten(2, grid)


class VQTokenizer(nn.Module):
    """Encoder, codebook and decoder; see :class:`VQConfig` for the sizes."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, KEYS)
        self.decoder = Decoder(config, KEYS)
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

    def vectors(self, codes: Integer[Tensor, "n t"]) -> Float[Tensor, "n t d"]:
        """The code vector of every code, on any device: what a cell of the latent is decoded from."""
        return self.quantize.vectors(to_device(codes, self.post_quant_conv.weight.device))

    def decode_latent(self, z: Float[Tensor, "n d h w"]) -> Float[Tensor, "n 3 H W"]:
        return self.decoder(self.post_quant_conv(z))

    def decode(self, codes: Integer[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n 3 H W"]:
        """RGB of a grid of codes, nominally in [-1, 1], unclamped. ``grid`` is ``(h, w)`` with ``h * w = t``.

        The codes may be on any device.
        """
        if codes.shape[-1] != grid[0] * grid[1]:
            raise ValueError(f"{codes.shape[-1]} codes do not fill a grid of {grid[0]}x{grid[1]}")
        return self.decode_latent(self.quantize.lookup(to_device(codes, self.post_quant_conv.weight.device), grid))
