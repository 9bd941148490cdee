"""A head that reads the latent of a prefix beside the words of the prompt, as a reward reads a picture."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import PositiveInt
from torch import Tensor, nn

from scalingar.core.device.transfer import to_device
from scalingar.rewards.match_net import Matcher, MatcherConfig


class LatentHeadConfig(MatcherConfig):
    """Sizes of the head."""

    steps: PositiveInt
    """T, steps of a finished image: the cells of a raster, or the scales."""
    latent: PositiveInt = 8
    """d, numbers of a cell's latent."""
    width: PositiveInt = 160
    """Features of a cell."""
    blocks: PositiveInt = 3


class Around(nn.Module):
    """5 x 5 per channel, then a two-layer network per cell, with a residual connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, cells: Float[Tensor, "n h w c"]) -> Float[Tensor, "n h w c"]:
        """The cells with what is around them."""
        seen = self.space(cells.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return cells + self.narrow(F.gelu(self.widen(self.norm(seen))))


class LatentHead(Matcher):
    """The latent of a prefix and terminal ids of :func:`parse` to a value, in the units of the reward.

    A cell's latent is the sum of the code vectors that lie on it, which the tokenizer would decode: of a raster the
    vector of its code, zeros where none is drawn; of scales the sum of those drawn.
    """

    def __init__(self, config: LatentHeadConfig) -> None:
        width = config.width
        super().__init__(config, width)
        self.config = config
        self.stem = nn.Sequential(nn.Linear(config.latent + 1, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.around = nn.ModuleList(Around(width) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(width)

    def drawn(self, positions: Int[Tensor, " n"], device: torch.device | str = "cpu") -> Float[Tensor, "n h w"]:
        """How much of each cell is drawn after some steps: of a raster all or nothing, of scales their share."""
        side, steps, positions = self.config.grid, self.config.steps, to_device(positions, device)[:, None, None]
        if steps == side * side:
            return (torch.arange(side * side, device=device).view(side, side) < positions).float()
        return (positions / steps).expand(-1, side, side).float()

    def cells(self, latent: Float[Tensor, "n d h w"], drawn: Float[Tensor, "n h w"]) -> Float[Tensor, "n p c"]:
        """Features of each cell in raster order. ``drawn``: the share of a cell's steps that are done, in [0, 1]."""
        features = self.stem(torch.cat([latent.permute(0, 2, 3, 1), drawn[..., None]], -1))
        for block in self.around:
            features = block(features)
        return self.norm(features).flatten(1, 2)

    def forward(
        self, latent: Float[Tensor, "n d h w"], drawn: Float[Tensor, "n h w"], words: Int[Tensor, "n t"]
    ) -> Float[Tensor, " n"]:
        """A value per row."""
        return self.match(words, self.cells(latent, drawn), torch.arange(len(latent), device=latent.device))
