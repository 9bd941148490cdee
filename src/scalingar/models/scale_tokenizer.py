"""What turns the codes of every scale into a latent and pixels, whichever next-scale model they came from.

A residual tokenizer's latent is the sum of what every scale adds; scales run from coarse to fine. The codes of one
scale are ``(n, l, g)`` int64: ``l`` tokens in raster order, ``g`` codes per token. Latents are fp32 and have the final
size from the start, so that an unfinished image can be decoded at any scale.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor


class ScaleSum(Protocol):
    """The half of a tokenizer that adds scales up."""

    def start(self, n: int, device: torch.device | str) -> Float[Tensor, "n d h w"]:
        """The latent of ``n`` images before any scale: zeros."""
        ...

    def accumulate(
        self, latent: Float[Tensor, "n d h w"], codes: Int[Tensor, "n l g"], scale: int
    ) -> Float[Tensor, "n d h w"]:
        """A new latent with the codes of ``scale`` added."""
        ...

    def features(self, latent: Float[Tensor, "n d h w"], scale: int) -> Float[Tensor, "n l c"]:
        """What the transformer reads at ``scale`` (1 or later), given the latent of all scales before it."""
        ...


class ScaleTokenizer(ScaleSum, Protocol):
    """All of it: see :class:`scalingar.models.multiscale_vq.MultiScaleVQ`."""

    def decode(self, latent: Float[Tensor, "n d h w"]) -> Float[Tensor, "n 3 H W"]:
        """RGB of a latent, complete or not: nominally in [-1, 1], unclamped."""
        ...

    def encode(self, images: Float[Tensor, "n 3 H W"]) -> list[Int[Tensor, "n l g"]]:
        """Codes of every scale of RGB images in [-1, 1]."""
        ...


def latents(tokenizer: ScaleSum, codes: Sequence[Int[Tensor, "n l g"]]) -> list[Float[Tensor, "n d h w"]]:
    """The latent after each scale of ``codes``."""
    latent = tokenizer.start(len(codes[0]), codes[0].device)
    found = []
    for scale, here in enumerate(codes):
        latent = tokenizer.accumulate(latent, here, scale)
        found.append(latent)
    return found


def teacher_features(tokenizer: ScaleSum, codes: Sequence[Int[Tensor, "n l g"]]) -> Float[Tensor, "n l c"]:
    """What a transformer reads when it is taught ``codes``: the features of scales 1 and later, one after another."""
    before = latents(tokenizer, codes[:-1])
    return torch.cat([tokenizer.features(latent, scale) for scale, latent in enumerate(before, start=1)], dim=1)
