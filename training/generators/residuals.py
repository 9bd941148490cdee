"""The walk over the scales: what each is asked to explain, by which codes, and what the next ones then see."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.models.var.multiscale_vq import ResidualQuantizer

Replace = Callable[[Int[Tensor, "n l 1"], int], Int[Tensor, "n l 1"]]
"""Other codes in place of those of a scale."""


@dataclass(frozen=True)
class Walked:
    """One scale: what the scales before left, reduced to its grid; the nearest codes; the latent with this scale."""

    scale: int
    residual: Float[Tensor, "n l d"]
    codes: Int[Tensor, "n l 1"]
    latent: Float[Tensor, "n d h w"]


@torch.no_grad()
def walk(
    quantize: ResidualQuantizer, latent: Float[Tensor, "n d h w"], replace: Replace | None = None
) -> Iterator[Walked]:
    """What :meth:`ResidualQuantizer.encode` does, scale by scale.

    ``replace``: what is added instead of the nearest codes; the scales that follow see the difference and correct it.
    """
    excess = -latent.float()
    for scale in range(len(quantize.sides)):
        reduced = quantize.reduced(-excess, scale)
        codes = quantize.nearest(reduced)
        excess = quantize.accumulate(excess, codes if replace is None else replace(codes, scale), scale)
        yield Walked(scale, reduced.flatten(2).transpose(1, 2), codes, latent + excess)


@torch.no_grad()
def continuous_residuals(quantize: ResidualQuantizer, latent: Float[Tensor, "n d h w"]) -> Float[Tensor, "t d"]:
    """What the scales would be asked to explain if each explained all it can: k-means begins with these."""
    rest, found = latent.float(), []
    for scale in range(len(quantize.sides)):
        reduced = quantize.reduced(rest, scale)
        found.append(reduced.movedim(1, -1).flatten(0, -2))
        rest = rest - F.interpolate(reduced, size=rest.shape[-2:], mode="bicubic")
    return torch.cat(found)


def residuals(quantize: ResidualQuantizer, latent: Float[Tensor, "n d h w"]) -> Float[Tensor, "t d"]:
    """What the scales are asked to explain with the codes there are."""
    return torch.cat([walked.residual.flatten(0, 1) for walked in walk(quantize, latent)])
