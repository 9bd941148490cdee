"""Infinity's image tokenizer: a convolutional autoencoder without attention around the binary quantiser.

State-dict keys are those of the released ``infinity_vae_*`` files in their plain spelling.
"""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.autoencoder.autoencoder import AutoencoderConfig, Decoder, Encoder
from scalingar.models.autoencoder.conv_blocks import Keys
from scalingar.models.infinity.bsq import BitQuantizer
from scalingar.models.infinity.schedules import PIXELS, InfinitySchedule


def bsq_config(bits: int, *, stride: int = 16, channels: int = 128) -> AutoencoderConfig:
    """Sizes of a released autoencoder of ``bits`` latent channels: stride 16, or 8 where tokens hold 2 x 2 cells."""
    levels = {16: (1, 2, 4, 4, 4), 8: (1, 2, 4, 4)}
    if stride not in levels:
        raise ConfigError(f"stride is {stride}; Infinity's autoencoders have 16 or 8.")
    return AutoencoderConfig(channels=channels, channel_mult=levels[stride], z_channels=bits, attention=False)


class BSQVae(nn.Module):
    """``encoder``: images in [-1, 1] to latents. ``decoder``: latents to images, nominally in [-1, 1], unclamped."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, Keys())
        self.decoder = Decoder(config, Keys())

    @property
    def bits(self) -> int:
        """Channels of the latent, each of which becomes one bit."""
        return self.config.z_channels

    def forward(self, images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n 3 H W"]:
        """Through the continuous latent and back."""
        return self.decoder(self.encoder(images))


@dataclass(frozen=True)
class BSQTokenizer:
    """A ``ScaleTokenizer``: the quantiser on a schedule and the autoencoder."""

    vae: BSQVae
    quantizer: BitQuantizer

    @classmethod
    def for_tokens(cls, vae: BSQVae, schedule: InfinitySchedule, groups: int) -> Self:
        """For a transformer that predicts ``groups`` bits a token. Raises WeightsError if this is not its autoencoder.

        A token of the last scale always stands for 16 x 16 pixels: an autoencoder of stride 8 is patchified.
        """
        patch, rest = divmod(PIXELS, vae.config.downsample)
        bits = vae.bits * patch**2
        if rest or bits != groups:
            raise WeightsError(
                f"the transformer predicts {groups} bits a token, the autoencoder (stride {vae.config.downsample}, "
                f"{vae.bits} channels) has {bits}; they do not belong together: choose the autoencoder "
                "published with the transformer."
            )
        return cls(vae, BitQuantizer.on(schedule, vae.bits, patch))

    def start(self, n: int, device: torch.device | str) -> Float[Tensor, "n d h w"]:
        """See :class:`~scalingar.decoding.contracts.ScaleTokenizer`."""
        return self.quantizer.start(n, device)

    def accumulate(
        self, latent: Float[Tensor, "n d h w"], codes: Int[Tensor, "n l g"], scale: int
    ) -> Float[Tensor, "n d h w"]:
        """See :meth:`BitQuantizer.accumulate`."""
        return self.quantizer.accumulate(latent, codes, scale)

    def features(self, latent: Float[Tensor, "n d h w"], scale: int) -> Float[Tensor, "n l g"]:
        """See :meth:`BitQuantizer.features`."""
        return self.quantizer.features(latent, scale)

    def vectors(self, codes: Int[Tensor, "n l g"]) -> Float[Tensor, "n l g"]:
        """See :meth:`BitQuantizer.vectors`."""
        return self.quantizer.vectors(codes)

    def decode(self, latent: Float[Tensor, "n d h w"]) -> Float[Tensor, "n 3 H W"]:
        """RGB, nominally in [-1, 1], unclamped."""
        # As upstream lays latents out, whose rounding this repeats; the convolutions are faster so, too.
        return self.vae.decoder(latent.contiguous(memory_format=torch.channels_last))

    def encode(self, images: Float[Tensor, "n 3 H W"]) -> list[Int[Tensor, "n _l g"]]:
        """Bits of every scale of images of the schedule's size. Raises ConfigError for another size."""
        height, width = (self.vae.config.downsample * side for side in self.quantizer.sides[-1])
        if images.shape[-2:] != (height, width):
            size = "x".join(map(str, images.shape[-2:]))
            raise ConfigError(f"the image is {size} pixels, the schedule is for {height}x{width}; resize it.")
        return self.quantizer.quantize(self.vae.encoder(images))
