"""Naming the objects of a picture by template matching: a cheap check of progress before a detector exists.

Every drawing, in every colour, is compared with every lattice cell over its opaque pixels; the best match is taken, its
place blocked, and the search goes on. It knows the world's own drawings and lattice, so it is no detector.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES
from training.world.scenes import BACKGROUNDS, CELL, GRID, OBJECT_CELLS, OBJECT_SIZE, Sprites

PLACES = GRID - OBJECT_CELLS + 1
KEYS = [(name, color) for name in OBJECT_CLASSES for color in (None, *COLORS)]
EMPTY = 0.35
"""A place whose best match explains less than this share of what differs from the background holds nothing."""


@dataclass(frozen=True)
class Match:
    name: str
    color: str | None
    row: int
    column: int


class Templates:
    """Opaque colours and weights of every drawing, ready for matrix products."""

    def __init__(self, sprites: Sprites) -> None:
        stacked = torch.from_numpy(np.stack([sprites[key] for key in KEYS]))
        alpha = stacked[..., 3:]
        self.alpha = alpha.expand(-1, -1, -1, 3).flatten(1)
        self.premultiplied = stacked[..., :3].flatten(1)
        # what is drawn over each background, and its energy
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
        # error of explaining the patch by the drawing, relative to explaining it by nothing
        energy = patches.square().sum(1, keepdim=True)
        error = energy - 2 * patches @ drawn.T + drawn.square().sum(1)
        gain = (energy - error) / energy.clamp_min(1.0)
        gain = gain.view(PLACES, PLACES, -1)
        found: list[Match] = []
        while len(found) < most:
            best = int(gain.argmax())
            place, key = divmod(best, len(KEYS))
            row, column = divmod(place, PLACES)
            if gain[row, column, key] < EMPTY:
                break
            found.append(Match(*KEYS[key], row, column))
            gain[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4] = -1
        return found
