"""Infinity's scales: the token grids of every aspect ratio and size preset, and where their tokens stand."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.registry import suggestion

Grid = tuple[int, int]

PIXELS = 16
"""Sides of the square of pixels that one token of the last scale stands for."""

PRESETS = {"0.06M": 7, "0.25M": 10, "0.60M": 12, "1M": 13}
"""Sizes by their number of pixels, to how many of a template's scales they take."""

_TALL = {
    1.0: "1x1 2x2 4x4 6x6 8x8 12x12 16x16 20x20 24x24 32x32 40x40 48x48 64x64",
    1.25: "1x1 2x2 3x3 5x4 10x8 15x12 20x16 25x20 30x24 35x28 45x36 55x44 70x56",
    1.333: "1x1 2x2 4x3 8x6 12x9 16x12 20x15 24x18 28x21 36x27 48x36 60x45 72x54",
    1.5: "1x1 2x2 3x2 6x4 9x6 15x10 21x14 27x18 33x22 39x26 48x32 63x42 78x52",
    1.75: "1x1 2x2 3x3 7x4 11x6 14x8 21x12 28x16 35x20 42x24 56x32 70x40 84x48",
    2.0: "1x1 2x2 4x2 6x3 10x5 16x8 22x11 30x15 38x19 46x23 60x30 74x37 90x45",
    2.5: "1x1 2x2 5x2 10x4 15x6 20x8 25x10 30x12 40x16 50x20 65x26 80x32 100x40",
    3.0: "1x1 2x2 6x2 9x3 15x5 21x7 27x9 36x12 45x15 54x18 72x24 90x30 111x37",
}
"""Height over width to rows x columns of every scale."""


def _templates() -> dict[float, tuple[Grid, ...]]:
    templates: dict[float, tuple[Grid, ...]] = {}
    for ratio, words in _TALL.items():
        grids = [tuple(map(int, word.split("x"))) for word in words.split()]
        templates[ratio] = tuple((h, w) for h, w in grids)
        templates.setdefault(int(1000 / ratio) / 1000, tuple((w, h) for h, w in grids))
    return templates


TEMPLATES = _templates()
"""Height over width to the grids of a picture of a million pixels; wide templates are tall ones turned."""


@dataclass(frozen=True)
class InfinitySchedule:
    """The grids of one picture, coarse to fine.

    ``full``: the last grid of the same template at a million pixels. Positions are spread over it whatever the size of
    the picture, so that a position in the picture keeps its rotation.
    """

    scales: tuple[Grid, ...]
    full: Grid

    @property
    def image_size(self) -> Grid:
        """Height and width in pixels."""
        height, width = self.scales[-1]
        return PIXELS * height, PIXELS * width

    def positions(self, scale: int) -> Int[Tensor, "l 2"]:
        """Row and column of every token of a scale on the grid of a million pixels, raster order."""
        axes = (
            (torch.arange(side, dtype=torch.float32) * (whole / side)).round().long()
            for side, whole in zip(self.scales[scale], self.full, strict=True)
        )
        return torch.cartesian_prod(*axes)

    def rotary(self, scale: int, head_dim: int, *, base: float = 10000.0) -> Float[Tensor, "l p 2"]:
        """(cos, sin) of each pair, fp32: the first half of the pairs turns by row, the second by column."""
        half = head_dim // 2
        frequency = 1 / base ** (torch.arange(0, half, 2, dtype=torch.float32) / half)
        angles = (self.positions(scale)[..., None] * frequency).flatten(1)
        return torch.stack([angles.cos(), angles.sin()], -1)


def nearest_ratio(h_div_w: float) -> float:
    """The template closest to a height over width. Raises ConfigError unless it is positive."""
    if not h_div_w > 0:
        raise ConfigError(f"h_div_w is {h_div_w}; height over width must be a positive number, such as 1.5.")
    return min(TEMPLATES, key=lambda ratio: abs(ratio - h_div_w))


def infinity_schedule(h_div_w: float = 1.0, preset: str = "1M") -> InfinitySchedule:
    """The schedule of the nearest template at a size preset. Raises ConfigError for a preset that does not exist."""
    if preset not in PRESETS:
        raise ConfigError(f"preset is {preset!r}{suggestion(preset, list(PRESETS))}")
    grids = TEMPLATES[nearest_ratio(h_div_w)]
    return InfinitySchedule(grids[: PRESETS[preset]], grids[-1])
