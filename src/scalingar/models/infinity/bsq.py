"""Binary spherical quantisation over scales: Infinity's bits to a latent and back.

One bit is one channel of the latent, ``(2 b - 1) / sqrt(d)``, so that every cell lies on the unit sphere. With spatial
patchify a token holds the bits of 2 x 2 latent cells.
"""

import math
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.models.infinity.schedules import Grid, InfinitySchedule


@dataclass(frozen=True)
class BitQuantizer:
    """Bits of all scales to one latent; it has no weights.

    ``bits``: channels ``d`` of the latent. ``sides``: its rows and columns at every scale, coarse to fine.
    ``patch``: latent cells along each axis in one token, 2 with spatial patchify.
    """

    bits: int
    sides: tuple[Grid, ...]
    patch: int = 1

    @classmethod
    def on(cls, schedule: InfinitySchedule, bits: int, patch: int = 1) -> Self:
        """For the tokens of a transformer's schedule."""
        return cls(bits, tuple((patch * h, patch * w) for h, w in schedule.scales), patch)

    @property
    def groups(self) -> int:
        """Bits of one token."""
        return self.bits * self.patch**2

    def start(self, n: int, device: torch.device | str) -> Float[Tensor, "n d h w"]:
        """See :class:`~scalingar.decoding.contracts.ScaleTokenizer`."""
        return torch.zeros(n, self.bits, *self.sides[-1], device=device)

    def accumulate(
        self, latent: Float[Tensor, "n d h w"], codes: Int[Tensor, "n l g"], scale: int
    ) -> Float[Tensor, "n d h w"]:
        """The latent plus this scale's codes, enlarged to its size."""
        return latent + resized(self.codes(self.bit_map(codes, scale)), self.sides[-1])

    def features(self, latent: Float[Tensor, "n d h w"], scale: int) -> Float[Tensor, "n l g"]:
        """The latent at the size of ``scale``, as tokens. Plain interpolation, as Infinity samples and trains."""
        return self.tokens(resized(latent, self.sides[scale]))

    def vectors(self, codes: Int[Tensor, "n l g"]) -> Float[Tensor, "n l g"]:
        """A token's bits as a point on the unit sphere."""
        return (2.0 * codes.float() - 1.0) / math.sqrt(self.groups)

    def quantize(self, latent: Float[Tensor, "n d h w"]) -> list[Int[Tensor, "n _l g"]]:
        """Bits of every scale: each scale quantises what the coarser ones left over."""
        residual, scale_bits = latent, []
        for side in self.sides:
            bits = (F.interpolate(residual, side, mode="area") > 0).long()
            scale_bits.append(self.tokens(bits))
            residual = residual - resized(self.codes(bits), self.sides[-1])
        return scale_bits

    def codes(self, bits: Int[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        """Points on the unit sphere. The norm is taken of rounded values, as upstream, and costs or gives one ulp."""
        return F.normalize((2.0 * bits.float() - 1.0) / math.sqrt(self.bits), dim=1)

    def bit_map(self, codes: Int[Tensor, "n l g"], scale: int) -> Int[Tensor, "n d h w"]:
        """Tokens laid out over the latent."""
        height, width = self.sides[scale]
        grid = codes.transpose(1, 2).unflatten(2, (height // self.patch, width // self.patch))
        return F.pixel_shuffle(grid, self.patch)

    def tokens(self, cells: Float[Tensor, "n d h w"] | Int[Tensor, "n d h w"]) -> Tensor:
        """The inverse of :meth:`bit_map`, of bits or of latents: ``(n, l, g)``, raster order."""
        return F.pixel_unshuffle(cells, self.patch).flatten(2).transpose(1, 2)


def resized(latent: Float[Tensor, "n d h w"], side: Grid) -> Float[Tensor, "n d H W"]:
    """Trilinear over one frame, as upstream: bilinear up to rounding, and the rounding matters for exact bits."""
    if tuple(latent.shape[-2:]) == side:
        return latent
    return F.interpolate(latent.unsqueeze(2), (1, *side), mode="trilinear", align_corners=False).squeeze(2)
