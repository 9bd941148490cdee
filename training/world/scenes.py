"""Scenes of the embedded world: objects of one size, aligned with the token grid, on a plain background."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.random import Generator
from PIL import Image

from scalingar.core.text_file import reason
from scalingar.models.embedded.vocabulary import COLORS, NUMBERS, OBJECT_CLASSES, RELATIONS, article, plural
from training.world.recolor import recolor

CELL = 8
"""Pixels along a side of a token; objects are aligned with this grid."""
GRID = 12
"""Tokens along each side of a scene: 96 x 96 pixels."""
OBJECT_CELLS = 5
"""Side of every object in tokens: 40 pixels."""
SIZE = GRID * CELL
OBJECT_SIZE = OBJECT_CELLS * CELL
BACKGROUNDS = ((206, 222, 236), (238, 228, 204), (212, 230, 210))
"""Plain backgrounds (RGB): sky, sand, mint."""

TASK_SHARES = {
    "single_object": 0.15,
    "two_object": 0.2,
    "counting": 0.15,
    "colors": 0.15,
    "position": 0.15,
    "color_attr": 0.2,
}


@dataclass(frozen=True)
class SceneObject:
    """One object; ``row`` and ``column`` are the grid cell of its top left corner."""

    name: str
    color: str | None
    row: int
    column: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Pixels ``(x0, y0, x1, y1)``."""
        x, y = self.column * CELL, self.row * CELL
        return x, y, x + OBJECT_SIZE, y + OBJECT_SIZE


@dataclass(frozen=True)
class Scene:
    """A prompt in GenEval's grammar and a layout for it."""

    task: str
    prompt: str
    objects: tuple[SceneObject, ...]
    background: int


class Sprites:
    """Every class in its original and the ten named colours, as premultiplied RGBA of ``OBJECT_SIZE`` pixels."""

    def __init__(self, art: Path) -> None:
        drawings = _drawings(art)
        missing = [name for name in OBJECT_CLASSES if name not in drawings]
        if missing:
            raise SystemExit(f"{art} has no drawing of {', '.join(missing)}; run `make world.art` again")
        self._premultiplied: dict[tuple[str, str | None], np.ndarray] = {}
        for name in OBJECT_CLASSES:
            for color in (None, *COLORS):
                drawing = drawings[name] if color is None else recolor(drawings[name], color)
                self._premultiplied[name, color] = _shrink(drawing)

    def __getitem__(self, key: tuple[str, str | None]) -> np.ndarray:
        return self._premultiplied[key]


def _drawings(art: Path) -> dict[str, np.ndarray]:
    """``(256, 256, 4)`` uint8 by class. Raises SystemExit: the file is missing or damaged."""
    try:
        with np.load(art) as archive:
            return dict(zip(archive["names"].tolist(), archive["rgba"], strict=True))
    except FileNotFoundError:
        raise SystemExit(f"{art} is missing; run `make world.art` first") from None
    except (BadZipFile, EOFError, KeyError, OSError, ValueError, zlib.error) as error:
        raise SystemExit(f"{art} cannot be read ({reason(error)}); run `make world.art` again") from None


def _shrink(rgba: np.ndarray) -> np.ndarray:
    """``(256, 256, 4)`` uint8 to premultiplied float32 ``(OBJECT_SIZE, OBJECT_SIZE, 4)`` in [0, 1]."""
    small = Image.fromarray(rgba).convert("RGBa").resize((OBJECT_SIZE, OBJECT_SIZE), Image.Resampling.LANCZOS)
    return np.asarray(small, dtype=np.float32) / 255


def render(scene: Scene, sprites: Sprites) -> np.ndarray:
    """The picture, ``(SIZE, SIZE, 3)`` uint8."""
    canvas = np.empty((SIZE, SIZE, 3), np.float32)
    canvas[:] = np.array(BACKGROUNDS[scene.background], np.float32) / 255
    for item in scene.objects:
        sprite = sprites[item.name, item.color]
        x0, y0, x1, y1 = item.box
        under = canvas[y0:y1, x0:x1]
        canvas[y0:y1, x0:x1] = sprite[..., :3] + under * (1 - sprite[..., 3:])
    return (canvas.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def sample_scene(rng: Generator, shares: dict[str, float] | None = None) -> Scene:
    """A random prompt and layout; ``shares`` are the probabilities of the six tasks."""
    shares = shares or TASK_SHARES
    task = str(rng.choice(list(shares), p=list(shares.values())))
    first, second = (str(name) for name in rng.choice(OBJECT_CLASSES, 2, replace=False))
    colors = [str(color) for color in rng.choice(COLORS, 2, replace=False)]
    items: list[tuple[str, str | None]]
    match task:
        case "single_object":
            prompt, items = _with_article(first), [(first, None)]
        case "two_object":
            prompt, items = f"{_with_article(first)} and {_with_article(second)}", [(first, None), (second, None)]
        case "counting":
            count = int(rng.integers(2, 5))
            prompt, items = f"{NUMBERS[count - 2]} {plural(first)}", [(first, None)] * count
        case "colors":
            prompt, items = _with_article(f"{colors[0]} {first}"), [(first, colors[0])]
        case "position":
            relation = str(rng.choice(RELATIONS))
            prompt, items = (
                f"{_with_article(first)} {relation} {_with_article(second)}",
                [(first, None), (second, None)],
            )
            cells = _related_cells(rng, relation)
        case _:
            prompt = f"{_with_article(f'{colors[0]} {first}')} and {_with_article(f'{colors[1]} {second}')}"
            items = [(first, colors[0]), (second, colors[1])]
    if task != "position":
        cells = _free_cells(rng, len(items))
    objects = tuple(SceneObject(name, color, *cell) for (name, color), cell in zip(items, cells, strict=True))
    return Scene(task, f"a photo of {prompt}", objects, int(rng.integers(len(BACKGROUNDS))))


def _with_article(phrase: str) -> str:
    return f"{article(phrase)} {phrase}"


def _cell(rng: Generator) -> tuple[int, int]:
    row, column = rng.integers(0, GRID - OBJECT_CELLS + 1, 2)
    return int(row), int(column)


def _free_cells(rng: Generator, count: int) -> list[tuple[int, int]]:
    """Top left cells of ``count`` objects that do not overlap."""
    while True:
        cells: list[tuple[int, int]] = []
        for _ in range(40):
            cell = _cell(rng)
            if all(_apart(cell, other) for other in cells):
                cells.append(cell)
            if len(cells) == count:
                return cells


def _apart(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return abs(a[0] - b[0]) >= OBJECT_CELLS or abs(a[1] - b[1]) >= OBJECT_CELLS


def _related_cells(rng: Generator, relation: str) -> list[tuple[int, int]]:
    """Cells of two objects, the first in ``relation`` to the second, almost on one axis."""
    near, far = sorted(rng.choice(GRID - OBJECT_CELLS + 1, 2, replace=False).tolist())
    while far - near < OBJECT_CELLS:
        near, far = sorted(rng.choice(GRID - OBJECT_CELLS + 1, 2, replace=False).tolist())
    across = int(rng.integers(0, GRID - OBJECT_CELLS + 1))
    drift = int(np.clip(across + rng.integers(-1, 2), 0, GRID - OBJECT_CELLS))
    first, second = (far, near) if relation in ("right of", "below") else (near, far)
    if relation in ("left of", "right of"):
        return [(across, first), (drift, second)]
    return [(first, across), (second, drift)]
