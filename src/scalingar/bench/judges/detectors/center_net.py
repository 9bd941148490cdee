"""A small fully convolutional detector with a prediction per grid cell, as in "Objects as Points" (Zhou 2019)."""

from typing import Literal, NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor, nn

from scalingar.core.settings import Settings

STRIDE = 8
"""Pixels along a side of a cell."""


class CenterNetConfig(Settings):
    """Widths and depths of the network, and the number of classes and colours."""

    classes: Literal[80] = 80
    colors: Literal[11] = 11
    """The ten named ones and, last, "several or none of these"."""
    widths: tuple[PositiveInt, PositiveInt, PositiveInt] = (32, 48, 128)
    """At half, quarter and eighth resolution."""
    blocks: tuple[PositiveInt, PositiveInt] = (1, 3)
    """Residual blocks at quarter and eighth resolution."""


class Heads(NamedTuple):
    """Raw outputs per cell."""

    objectness: Float[Tensor, "n h w"]
    """Logit that the centre of a complete, recognisable object lies in this cell."""
    classes: Float[Tensor, "n classes h w"]
    """Logits of the class of that object."""
    colors: Float[Tensor, "n colors h w"]
    """Logits of the colour of that object."""
    sides: Float[Tensor, "n 4 h w"]
    """Distances from the middle of the cell to the left, top, right and bottom of the object's box, in cells."""


class Block(nn.Module):
    """Two 3 x 3 convolutions with a residual connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width), _conv(width, width)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The input is added before the last ReLU (He et al. 2016)."""
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
        """Predictions for the ``height / STRIDE`` by ``width / STRIDE`` cells."""
        objectness, classes, colors, sides = self.head(self.body(images)).split(self.splits, dim=1)
        return Heads(objectness[:, 0], classes, colors, sides)
