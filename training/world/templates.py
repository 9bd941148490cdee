"""Finding the objects of a picture by template matching: a cheap check of progress before there is a detector.

Every drawing, in every colour, is compared with the picture at every grid cell over its opaque pixels; the best match
is taken, its surroundings are blocked, and the search continues. It works only for the world's drawings and grid.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES
from training.world.scenes import BACKGROUNDS, CELL, GRID, OBJECT_CELLS, OBJECT_SIZE, Sprites

POSITIONS = GRID - OBJECT_CELLS + 1
KEYS = [(name, color) for name in OBJECT_CLASSES for color in (None, *COLORS)]
EMPTY = 0.35
"""A cell is empty if its best match explains a smaller share of the difference from the background."""


@dataclass(frozen=True)
class Match:
    name: str
    color: str | None
    row: int
    column: int


class Templates:
    """Colours and alpha of every drawing, as rows of matrices."""

    def __init__(self, sprites: Sprites) -> None:
        stacked = torch.from_numpy(np.stack([sprites[key] for key in KEYS]))
        alpha = stacked[..., 3:]
        self.alpha = alpha.expand(-1, -1, -1, 3).flatten(1)
        self.premultiplied = stacked[..., :3].flatten(1)
        self.backgrounds = torch.tensor(BACKGROUNDS) / 255

    def find(self, image: Tensor, most: int = 4) -> list[Match]:
        """Objects of one picture ``(3, SIZE, SIZE)`` in [-1, 1], best first."""
        picture = (image.permute(1, 2, 0) + 1) / 2
        corner = picture.flatten(0, 1).median(0).values
        background = self.backgrounds[(self.backgrounds - corner).square().sum(-1).argmin()]
        patches = (
            (picture - background)
            .unfold(0, OBJECT_SIZE, CELL)
            .unfold(1, OBJECT_SIZE, CELL)
            .permute(0, 1, 3, 4, 2)
            .flatten(2)
            .flatten(0, 1)
        )
        drawn = self.premultiplied - self.alpha * background.repeat(OBJECT_SIZE * OBJECT_SIZE)
        # squared error of the drawing as an explanation of the patch, relative to that of the background
        energy = patches.square().sum(1, keepdim=True)
        error = energy - 2 * patches @ drawn.T + drawn.square().sum(1)
        gain = (energy - error) / energy.clamp_min(1.0)
        gain = gain.view(POSITIONS, POSITIONS, -1)
        found: list[Match] = []
        while len(found) < most:
            best = int(gain.argmax())
            position, key = divmod(best, len(KEYS))
            row, column = divmod(position, POSITIONS)
            if gain[row, column, key] < EMPTY:
                break
            found.append(Match(*KEYS[key], row, column))
            gain[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4] = -1
        return found
