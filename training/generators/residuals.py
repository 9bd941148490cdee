"""Residual quantisation step by step: the residual, codes and latent at each scale."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.models.var.multiscale_vq import ResidualQuantizer

Replace = Callable[[Int[Tensor, "n l 1"], int], Int[Tensor, "n l 1"]]
"""A function that replaces the codes of a scale."""


@dataclass(frozen=True)
class EncodedScale:
    """One scale: the residual of the scales before, on its grid; the nearest codes; the latent including this scale."""

    scale: int
    residual: Float[Tensor, "n l d"]
    codes: Int[Tensor, "n l 1"]
    latent: Float[Tensor, "n d h w"]


@torch.no_grad()
def encode_scales(
    quantize: ResidualQuantizer, latent: Float[Tensor, "n d h w"], replace: Replace | None = None
) -> Iterator[EncodedScale]:
    """Encode as :meth:`ResidualQuantizer.encode` does, scale by scale.

    ``replace``: changes the codes that are added to the latent; later scales see the difference and correct it.
    """
    excess = -latent.float()
    for scale in range(len(quantize.sides)):
        reduced = quantize.reduced(-excess, scale)
        codes = quantize.nearest(reduced)
        excess = quantize.accumulate(excess, codes if replace is None else replace(codes, scale), scale)
        yield EncodedScale(scale, reduced.flatten(2).transpose(1, 2), codes, latent + excess)


@torch.no_grad()
def continuous_residuals(quantize: ResidualQuantizer, latent: Float[Tensor, "n d h w"]) -> Float[Tensor, "t d"]:
    """The residuals at all scales without quantisation, from which k-means starts."""
    rest, parts = latent.float(), []
    for scale in range(len(quantize.sides)):
        reduced = quantize.reduced(rest, scale)
        parts.append(reduced.movedim(1, -1).flatten(0, -2))
        rest = rest - F.interpolate(reduced, size=rest.shape[-2:], mode="bicubic")
    return torch.cat(parts)


def residuals(quantize: ResidualQuantizer, latent: Float[Tensor, "n d h w"]) -> Float[Tensor, "t d"]:
    """The residuals at all scales with the present codes."""
    return torch.cat([encoded.residual.flatten(0, 1) for encoded in encode_scales(quantize, latent)])
