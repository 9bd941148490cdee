"""Training data of the reward: pictures with six claims each, and the object that each patch belongs to."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter
from torch import Tensor

from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES, RELATIONS
from training.world.claims import Claim, Thing, changed, describe, truth
from training.world.own_colors import OWN_COLORS
from training.world.scenes import (
    CELL,
    GRID,
    OBJECT_CELLS,
    Scene,
    SceneObject,
    Sprites,
    render,
    sample_scene,
)

CLAIMS = 6
"""Per picture."""
WORDS = 8
EMPTY, BROKEN = len(OBJECT_CLASSES), len(OBJECT_CLASSES) + 1
"""Patch classes besides the object classes."""
OWN = len(COLORS)
COVERED = 0.15
"""Mean alpha from which a patch belongs to an object."""


class Pairs(NamedTuple):
    """Claims and patch labels of one picture, or stacked of several."""

    words: Tensor
    """``(CLAIMS, WORDS)`` terminal ids, zeros at the end."""
    truths: Tensor
    """``(CLAIMS,)`` in [0, 1]."""
    names: Tensor
    """``(p,)`` class of each patch, ``EMPTY`` or ``BROKEN``."""
    colors: Tensor
    """``(p,)`` colour of each patch, -1 outside intact objects."""
    middles: Tensor
    """``(p,)`` whether a patch is the centre of an object, intact or damaged."""


def draw(rng: Generator, sprites: Sprites) -> tuple[NDArray[np.uint8], Pairs]:
    """One picture ``(SIZE, SIZE, 3)`` with claims about it."""
    scene = sample_scene(rng)
    first = claim_of(scene)
    things = edit(rng, [Thing(item) for item in scene.objects])
    whole = tuple(thing.item for thing in things if thing.whole)
    picture: NDArray[np.float32] = render(replace(scene, objects=whole), sprites).astype(np.float32) / np.float32(255)
    for thing in things:
        if not thing.whole:
            paste(picture, thing.item, broken(rng, sprites, thing.item))
    pairs = claimed(rng, first, things, sprites)
    return degrade(rng, picture), pairs


def claimed(rng: Generator, first: Claim, things: list[Thing], sprites: Sprites) -> Pairs:
    """:data:`CLAIMS` about these things: the first one, the true one, and others that change one of both."""
    claims = [first, *([] if (true := describe(things)) is None else [true])]
    while len(claims) < CLAIMS:
        claims.append(changed(rng, claims[int(rng.integers(min(2, len(claims))))]))
    words = torch.zeros(CLAIMS, WORDS, dtype=torch.long)
    for row, claim in zip(words, claims, strict=True):
        ids = claim.words()
        row[: len(ids)] = torch.tensor(ids)
    truths = torch.tensor([truth(claim, things) for claim in claims])
    return Pairs(words, truths, *patch_labels(things, sprites))


def claim_of(scene: Scene) -> Claim:
    """The claim that a scene's prompt makes."""
    names = [(item.name, item.color) for item in scene.objects]
    if scene.task == "counting":
        return Claim((names[0],), count=len(names))
    relation = next((r for r in RELATIONS if f" {r} " in scene.prompt), None) if scene.task == "position" else None
    return Claim(tuple(names), relation=relation)


def edit(rng: Generator, things: list[Thing]) -> list[Thing]:
    """Leave half of the pictures as they are; remove, add, damage or replace something in the others."""
    index = int(rng.integers(len(things)))
    item = things[index].item
    rest = things[:index] + things[index + 1 :]
    edits: list[tuple[float, Callable[[], list[Thing]]]] = [
        (0.48, lambda: things),
        (0.2, lambda: [*rest, Thing(item, whole=False)]),
        (0.06, lambda: rest),
        (0.12, lambda: [*things, *added(rng, things)]),
        (0.05, lambda: [*rest, Thing(replace(item, color=str(rng.choice(COLORS))))]),
        (0.06, lambda: [*rest, Thing(replace(item, name=str(rng.choice(OBJECT_CLASSES))))]),
        (0.03, lambda: []),
    ]
    shares, changes = zip(*edits, strict=True)
    return changes[int(rng.choice(len(changes), p=shares))]()


def added(rng: Generator, things: list[Thing]) -> list[Thing]:
    """Another thing, intact or damaged, of the first one's class half of the time; none if there is no room."""
    like = things[0].item
    if rng.random() < 0.5:
        like = replace(like, name=str(rng.choice(OBJECT_CLASSES)))
    for row, column in rng.integers(0, GRID - OBJECT_CELLS + 1, (30, 2)).tolist():
        if all(max(abs(row - t.item.row), abs(column - t.item.column)) >= OBJECT_CELLS for t in things):
            return [Thing(replace(like, row=row, column=column), whole=bool(rng.random() < 0.75))]
    return []


def broken(rng: Generator, sprites: Sprites, item: SceneObject) -> NDArray[np.float32]:
    """A drawing that cannot be recognised: blurred, half replaced or removed, or with cells replaced or shuffled."""
    sprite = sprites[item.name, item.color]
    other = sprites[str(rng.choice(OBJECT_CLASSES)), item.color]
    kind = int(rng.integers(5))
    if kind == 0:
        radius = int(rng.integers(3, 6))
        return uniform_filter(uniform_filter(sprite, (2 * radius, 2 * radius, 0)), (2 * radius, 2 * radius, 0))
    if kind in (1, 2):
        mask = np.zeros(sprite.shape, np.float32)
        mask[: int(rng.integers(14, 27))] = 1
        mask = np.rot90(mask, int(rng.integers(4)))
        return sprite * mask + (other * (1 - mask) if kind == 1 else 0)
    tiles, source = tiled(sprite), tiled(other if kind == 3 else sprite)
    chosen = rng.permutation(len(tiles))[: int(rng.integers(9, 22))]
    tiles[chosen] = source[rng.permutation(chosen)]
    side = (OBJECT_CELLS, OBJECT_CELLS, CELL, CELL, 4)
    return tiles.reshape(side).transpose(0, 2, 1, 3, 4).reshape(sprite.shape)


def tiled(sprite: NDArray[np.float32]) -> NDArray[np.float32]:
    """A copy of the sprite as ``(cells, CELL, CELL, 4)``."""
    shape = (OBJECT_CELLS, CELL, OBJECT_CELLS, CELL, 4)
    return sprite.reshape(shape).transpose(0, 2, 1, 3, 4).reshape(-1, CELL, CELL, 4).copy()


def paste(picture: NDArray[np.float32], item: SceneObject, sprite: NDArray[np.float32]) -> None:
    x0, y0, x1, y1 = item.box
    picture[y0:y1, x0:x1] = sprite[..., :3] + picture[y0:y1, x0:x1] * (1 - sprite[..., 3:])


def degrade(rng: Generator, picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture moved by up to two pixels, with changed brightness, texture, resolution and grain."""
    down, right = rng.integers(0, 5, 2)
    picture = np.pad(picture, ((2, 2), (2, 2), (0, 0)), mode="edge")[down:, right:][: GRID * CELL, : GRID * CELL]
    if rng.random() < 0.5:
        picture = picture ** rng.uniform(0.8, 1.25) * rng.uniform(0.9, 1.1)
    if rng.random() < 0.5:
        coarse = rng.standard_normal((GRID * 4, GRID * 4, 3)).repeat(2, 0).repeat(2, 1)
        drawn = np.abs(picture - picture[[0, 0, -1, -1], [0, -1, 0, -1]].mean(0)).sum(-1, keepdims=True).clip(0, 1)
        picture = picture + coarse * drawn * rng.uniform(0.02, 0.12)
    image = Image.fromarray((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    if rng.random() < 0.5:
        small = int(image.width * rng.uniform(0.4, 0.9))
        image = image.resize((small, small), Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BILINEAR)
    grain = rng.standard_normal((*image.size, 3), dtype=np.float32) * rng.uniform(0, 8)
    return (np.asarray(image) + grain).clip(0, 255).astype(np.uint8)


def patch_labels(things: list[Thing], sprites: Sprites) -> tuple[Tensor, ...]:
    """Class and colour of every patch, and whether it is the centre of something, in raster order."""
    names = np.full((GRID, GRID), EMPTY)
    colors = np.full((GRID, GRID), -1)
    middles = np.zeros((GRID, GRID), bool)
    for thing in things:
        item = thing.item
        area = slice(item.row, item.row + OBJECT_CELLS), slice(item.column, item.column + OBJECT_CELLS)
        alpha = tiled(sprites[item.name, item.color])[..., 3].mean((1, 2)).reshape(OBJECT_CELLS, OBJECT_CELLS)
        on = alpha > COVERED
        on[OBJECT_CELLS // 2, OBJECT_CELLS // 2] = True  # the centre of a ring is empty, but its centre all the same
        color = item.color or OWN_COLORS.get(item.name)
        names[area][on] = OBJECT_CLASSES.index(item.name) if thing.whole else BROKEN
        if thing.whole:
            colors[area][on] = OWN if color is None else COLORS.index(color)
        middles[item.row + OBJECT_CELLS // 2, item.column + OBJECT_CELLS // 2] = True
    return tuple(torch.from_numpy(labels.ravel()) for labels in (names, colors, middles))
