"""A head that reads the codes of a prefix beside the words of the prompt, as the embedded reward reads a picture.

The reward looks at 12 x 12 patches of a picture, and an image has 12 x 12 codes: here codes take the place of the
patches, codes that are not drawn yet that of a learned blank, and what reads them begins as the reward's own layers.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from scalingar.rewards.match_net import MatchNet, MatchNetConfig


class Around(nn.Module):
    """5 x 5 per channel and a two-layer network per cell, with a residual connection."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, x: Float[Tensor, "n t c"], grid: int) -> Float[Tensor, "n t c"]:
        """``t`` cells in raster order."""
        seen = self.space(x.transpose(1, 2).unflatten(2, (grid, grid))).flatten(2).transpose(1, 2)
        update: Tensor = self.narrow(F.gelu(self.widen(self.norm(seen))))
        return x + update


class CodeReader(nn.Module):
    """Codes, the number of them that are drawn, and words to a value."""

    def __init__(self, config: MatchNetConfig, codes: int, hidden: int = 96) -> None:
        super().__init__()
        width = config.widths[2]
        self.grid = config.grid
        self.match = MatchNet(config)
        self.match.encoder = nn.Sequential()
        self.codes = nn.Embedding(codes, width)
        self.blank = nn.Parameter(torch.zeros(width))
        self.around = Around(width, hidden)

    def patches(self, codes: Int[Tensor, "n t"], drawn: Bool[Tensor, "n t"]) -> Float[Tensor, "n t c"]:
        """What each cell shows; ``drawn``: the cells whose code is known."""
        shown: Tensor = self.around(torch.where(drawn[..., None], self.codes(codes), self.blank), self.grid)
        return shown

    def forward(
        self, codes: Int[Tensor, "n t"], drawn: Bool[Tensor, "n t"], words: Int[Tensor, "n w"]
    ) -> Float[Tensor, " n"]:
        """A value per row, in the units of the reward."""
        return self.match.match(words, self.patches(codes, drawn), torch.arange(len(codes)))
