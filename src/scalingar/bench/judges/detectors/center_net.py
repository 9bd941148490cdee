"""A small fully convolutional detector: a prediction per lattice cell, as in "Objects as Points" (Zhou 2019)."""

from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

STRIDE = 8
"""Pixels of a lattice cell."""


class CenterNetConfig(BaseModel):
    """Sizes, and what the last layer tells apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: int = 80
    colors: int = 11
    """The named ones and, last, "several or none of these"."""
    widths: tuple[int, int, int] = (32, 48, 128)
    """At half, quarter and eighth resolution."""
    blocks: tuple[int, int] = (1, 3)
    """Residual blocks at quarter and eighth resolution."""


class Heads(NamedTuple):
    """Raw outputs per cell."""

    objectness: Float[Tensor, "n h w"]
    """Logit: the centre of a whole, recognisable object lies in this cell."""
    classes: Float[Tensor, "n classes h w"]
    """Logits of its class, given that there is one."""
    colors: Float[Tensor, "n colors h w"]
    """Logits of its colour, given that there is one."""
    sides: Float[Tensor, "n 4 h w"]
    """Distances from the middle of the cell to the left, top, right and bottom of its box, in cells."""


class Block(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width), _conv(width, width)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The shortcut is added before the last rectifier (He et al. 2016)."""
        return F.relu(x + self.second(F.relu(self.first(x))))


def _conv(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outside))


class CenterNet(nn.Module):
    """Images in [-1, 1] with sides that are multiples of ``STRIDE`` to predictions for every cell."""

    def __init__(self, config: CenterNetConfig) -> None:
        super().__init__()
        self.config = config
        half, quarter, eighth = config.widths
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),
            _conv(12, half),
            nn.ReLU(),
            _conv(half, quarter, stride=2),
            nn.ReLU(),
            *(Block(quarter) for _ in range(config.blocks[0])),
            _conv(quarter, eighth, stride=2),
            nn.ReLU(),
            *(Block(eighth) for _ in range(config.blocks[1])),
        )
        self.splits = (1, config.classes, config.colors, 4)
        self.head = nn.Conv2d(eighth, sum(self.splits), 1)
        assert self.head.bias is not None
        nn.init.constant_(self.head.bias[:1], -3.0)  # most cells hold no centre

    def forward(self, images: Float[Tensor, "n 3 height width"]) -> Heads:
        """Predictions of each cell of the ``height / STRIDE`` by ``width / STRIDE`` lattice."""
        objectness, classes, colors, sides = self.head(self.body(images)).split(self.splits, dim=1)
        return Heads(objectness[:, 0], classes, colors, sides)
