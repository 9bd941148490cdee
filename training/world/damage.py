"""Damage to drawings, which the detector must not take for objects, and the share of pixels changed."""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, shift

Sprite = NDArray[np.float32]
"""Premultiplied RGBA, ``(side, side, 4)`` in [0, 1]."""

DIFFERENT = 0.25
"""Sum of differences over the channels from which a pixel counts as changed."""
VISIBLE = 0.3
"""Alpha from which a pixel counts as drawn."""


class Damaged(NamedTuple):
    sprite: Sprite
    share: float
    """Share of the pixels drawn before or after that changed."""


def damage(rng: Generator, sprite: Sprite, others: list[Sprite]) -> Damaged:
    """One random kind of damage of random extent; ``others`` are drawings of the same colour."""
    kind = rng.integers(4)
    if kind == 0:
        damaged = distort(rng, sprite)
    elif kind == 1:
        damaged = blurred_mean(rng, [sprite, *others])
    else:
        mask = cells(rng, len(sprite)) if kind == 2 else half_plane(rng, len(sprite))
        damaged = sprite + mask[..., None] * (replacement(rng, sprite, others) - sprite)
    return Damaged(damaged.astype(np.float32), changed(sprite, damaged))


def changed(before: Sprite, after: Sprite) -> float:
    """Share of the pixels drawn in either sprite that differ visibly."""
    drawn = np.maximum(before[..., 3], after[..., 3]) > VISIBLE
    different = np.abs(before - after).sum(-1) > DIFFERENT
    return float((different & drawn).sum() / max(1, drawn.sum()))


def distort(rng: Generator, sprite: Sprite) -> Sprite:
    """Pixels displaced by a smooth random field, by up to seven pixels."""
    side = len(sprite)
    field = gaussian_filter(rng.standard_normal((2, side, side)), (0, *rng.uniform(2.5, 6, 2)))
    field *= rng.uniform(1.5, 7) / np.abs(field).max()
    positions = np.mgrid[:side, :side] + field
    return np.stack([map_coordinates(sprite[..., i], positions, order=1) for i in range(4)], -1)


def blurred_mean(rng: Generator, sprites: list[Sprite]) -> Sprite:
    """A blurred weighted mean of several drawings."""
    weights = rng.dirichlet(np.ones(len(sprites)))
    mean = sum(w * s for w, s in zip(weights, sprites, strict=True))
    return gaussian_filter(mean, (*[rng.uniform(1, 5)] * 2, 0))


def cells(rng: Generator, side: int) -> NDArray[np.float32]:
    """A mask of random grid cells, like tokens that a generator gets wrong."""
    count = side // 8
    chosen = rng.random((count, count)) < rng.uniform(0.05, 0.9)
    return np.kron(chosen, np.ones((8, 8))).astype(np.float32)


def half_plane(rng: Generator, side: int) -> NDArray[np.float32]:
    """A mask of everything on one side of a random line, with a slightly soft edge."""
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.42, 0.42) * side
    y, x = np.mgrid[:side, :side] - side / 2
    distance = x * np.cos(angle) + y * np.sin(angle) - offset
    return np.clip(distance / rng.uniform(0.5, 3) + 0.5, 0, 1).astype(np.float32)


def replacement(rng: Generator, sprite: Sprite, others: list[Sprite]) -> Sprite:
    """Nothing, another drawing, the same one moved, or a blurred mean."""
    kind = rng.integers(4)
    if kind == 0:
        return np.zeros_like(sprite)
    if kind == 1:
        return others[0]
    if kind == 2:
        return shift(sprite, (*rng.integers(-2, 3, 2) * 8, 0), order=0)
    return blurred_mean(rng, [sprite, *others])
