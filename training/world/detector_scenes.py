"""Training data of the detector: crowded, degraded scenes, also off the grid, with some damaged objects."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter
from torch import Tensor

from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES
from training.world.damage import VISIBLE, Sprite, damage
from training.world.degrade import degrade
from training.world.own_colors import OWN_COLORS
from training.world.scenes import BACKGROUNDS, CELL, GRID, OBJECT_SIZE, SIZE, Sprites

MIXED = len(COLORS)
"""Colour number of an object for which none of the ten names fits."""

MARGIN = 4
"""Pixels around a drawing that is moved or resized."""
WHOLE, SPOILT = 0.12, 0.3
"""An object changed up to the first share counts; from the second share on it does not; in between it is ignored."""
COUNTS = (0.04, 0.16, 0.3, 0.2, 0.3)
"""Probabilities of 0 to 4 objects."""


class Targets(NamedTuple):
    """Targets per grid cell, ``(grid, grid)`` each; ``sides`` is ``(4, grid, grid)`` in cells."""

    objectness: Tensor
    weight: Tensor
    """Weight of the objectness of a cell in the loss."""
    name: Tensor
    color: Tensor
    sides: Tensor


def draw(rng: Generator, sprites: Sprites) -> tuple[NDArray[np.uint8], Targets]:
    """One picture ``(SIZE, SIZE, 3)`` and its targets."""
    canvas = background(rng)
    targets = Targets(
        torch.zeros(GRID, GRID),
        torch.ones(GRID, GRID),
        torch.zeros(GRID, GRID, dtype=torch.long),
        torch.zeros(GRID, GRID, dtype=torch.long),
        torch.zeros(4, GRID, GRID),
    )
    repeated = str(rng.choice(OBJECT_CLASSES)) if rng.random() < 0.3 else None
    for x, y in corners(rng, int(rng.choice(len(COUNTS), p=COUNTS))):
        name = repeated or str(rng.choice(OBJECT_CLASSES))
        color = None if rng.random() < 0.5 else str(rng.choice(COLORS))
        sprite, share = altered_sprite(rng, sprites, name, color)
        moved = (
            move(rng, sprite) if rng.random() < 0.5 else np.pad(sprite, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
        )
        box = paste(canvas, moved, x, y)
        visible = color or OWN_COLORS.get(name)
        label = MIXED if visible is None else COLORS.index(visible)
        mark(targets, (x + OBJECT_SIZE // 2, y + OBJECT_SIZE // 2), box, share, OBJECT_CLASSES.index(name), label)
    return degrade(rng, canvas), targets


def background(rng: Generator) -> NDArray[np.float32]:
    """Mostly one of the world's backgrounds, sometimes another pale colour."""
    color = np.array(BACKGROUNDS[rng.integers(len(BACKGROUNDS))]) / 255
    if rng.random() < 0.15:
        color = rng.uniform(0.6, 1, 3)
    return np.broadcast_to(color, (SIZE, SIZE, 3)).astype(np.float32)


def corners(rng: Generator, count: int) -> list[tuple[int, int]]:
    """Top left corners (x, y) of up to ``count`` objects that do not overlap, usually on the grid."""
    largest = SIZE - OBJECT_SIZE
    chosen: list[tuple[int, int]] = []
    off_grid = rng.random() < 0.3
    for _ in range(60):
        x, y = (int(v) for v in rng.integers(0, largest // CELL + 1, 2) * CELL)
        if off_grid:
            x, y = (int(np.clip(v + rng.integers(-3, 4), 0, largest)) for v in (x, y))
        if len(chosen) < count and all(max(abs(x - a), abs(y - b)) >= OBJECT_SIZE - 3 * off_grid for a, b in chosen):
            chosen.append((x, y))
    return chosen


def altered_sprite(rng: Generator, sprites: Sprites, name: str, color: str | None) -> tuple[Sprite, float]:
    """A drawing, possibly damaged, blurred or faded, and the share of it that is damaged."""
    sprite, share = sprites[name, color], 0.0
    if rng.random() < 0.3:
        others = [sprites[str(other), color] for other in rng.choice(OBJECT_CLASSES, 2)]
        sprite, share = damage(rng, sprite, others)
    elif rng.random() < 0.25:
        sprite = gaussian_filter(sprite, (*[rng.uniform(0.4, 2.0)] * 2, 0))
    if rng.random() < 0.2:
        sprite = sprite * np.float32(rng.uniform(0.6, 1))
    return sprite, share


def move(rng: Generator, sprite: Sprite) -> Sprite:
    """The sprite slightly resized and shifted by up to a pixel, with a margin."""
    scale, middle = rng.uniform(0.9, 1.1), (len(sprite) - 1) / 2
    side = len(sprite) + 2 * MARGIN
    offset = middle - (middle + MARGIN + rng.uniform(-1, 1, 2)) / scale
    layers = [affine_transform(sprite[..., i], np.full(2, 1 / scale), offset, (side, side), order=1) for i in range(4)]
    return np.stack(layers, -1)


def paste(canvas: NDArray[np.float32], sprite: Sprite, x: int, y: int) -> tuple[int, int, int, int]:
    """Draw a sprite into ``canvas`` with the corner inside its margin at ``(x, y)``; returns the visible box."""
    x, y = x - MARGIN, y - MARGIN
    x0, y0, x1, y1 = max(0, x), max(0, y), min(SIZE, x + len(sprite)), min(SIZE, y + len(sprite))
    inside = sprite[y0 - y : y1 - y, x0 - x : x1 - x]
    under = canvas[y0:y1, x0:x1]
    canvas[y0:y1, x0:x1] = inside[..., :3] + under * (1 - inside[..., 3:])
    rows, columns = np.nonzero(inside[..., 3] > min(VISIBLE, inside[..., 3].max() / 2))
    if not len(rows):
        return x0, y0, x1, y1
    return x0 + int(columns.min()), y0 + int(rows.min()), x0 + int(columns.max()) + 1, y0 + int(rows.max()) + 1


def mark(
    targets: Targets, centre: tuple[int, int], box: tuple[int, int, int, int], share: float, name: int, color: int
) -> None:
    """Write an object into the targets of the cell with its centre; a damaged one leaves the cell empty."""
    column, row = (min(GRID - 1, v // CELL) for v in centre)
    near = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
    if share >= SPOILT:
        return
    # neighbouring cells see almost the same; their detections are suppressed later, so they matter less
    targets.weight[near] = 0.0 if share > WHOLE else 0.2
    if share > WHOLE:
        return
    targets.objectness[row, column] = targets.weight[row, column] = 1.0
    targets.name[row, column], targets.color[row, column] = name, color
    middle = np.array([column, row]) + 0.5
    ends = np.array(box) / CELL
    targets.sides[:, row, column] = torch.from_numpy(np.concatenate([middle - ends[:2], ends[2:] - middle]))
