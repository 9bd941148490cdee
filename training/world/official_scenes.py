"""Scenes of the embedded world for GenEval's 553 prompts, correct or with one thing falsified."""

from collections.abc import Callable
from dataclasses import replace

from numpy.random import Generator

from scalingar.bench.benchmarks.geneval.metadata import Metadata
from scalingar.bench.benchmarks.geneval.rules import relations
from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES
from training.world.scenes import BACKGROUNDS, GRID, OBJECT_CELLS, Scene, SceneObject

POSITION_THRESHOLD = 0.1


def lay_out(rng: Generator, metadata: Metadata) -> Scene:
    """A scene that shows exactly what the prompt says."""
    wanted = [(clause.name, clause.color) for clause in metadata.include for _ in range(clause.count)]
    while True:
        cells: list[tuple[int, int]] = []
        for _ in range(40):
            cell = tuple(int(v) for v in rng.integers(0, GRID - OBJECT_CELLS + 1, 2))
            apart = all(max(abs(cell[0] - other[0]), abs(cell[1] - other[1])) >= OBJECT_CELLS for other in cells)
            if apart and len(cells) < len(wanted):
                cells.append((cell[0], cell[1]))
        if len(cells) == len(wanted):
            objects = tuple(SceneObject(name, color, *cell) for (name, color), cell in zip(wanted, cells, strict=True))
            scene = Scene(metadata.tag, metadata.prompt, objects, int(rng.integers(len(BACKGROUNDS))))
            if has_relation(scene, metadata):
                return scene


def has_relation(scene: Scene, metadata: Metadata) -> bool:
    """Whether the relation in the prompt, if there is one, and no other holds by GenEval's rule."""
    relation = metadata.include[-1].position
    if relation is None:
        return True
    target, moved = scene.objects
    return relations(moved.box, target.box, POSITION_THRESHOLD) == {relation[0]}


def false_class(rng: Generator, scene: Scene) -> Scene:
    """One object is of another class."""
    index = int(rng.integers(len(scene.objects)))
    present = {item.name for item in scene.objects}
    name = str(rng.choice([name for name in OBJECT_CLASSES if name not in present]))
    return _with(scene, index, replace(scene.objects[index], name=name))


def false_color(rng: Generator, scene: Scene) -> Scene:
    """One object has another of the ten colours."""
    index = int(rng.integers(len(scene.objects)))
    color = str(rng.choice([color for color in COLORS if color != scene.objects[index].color]))
    return _with(scene, index, replace(scene.objects[index], color=color))


def false_count(rng: Generator, scene: Scene) -> Scene:
    """One object less, or one more, up to four."""
    if len(scene.objects) < 4 and rng.random() < 0.5:
        taken = [(item.row, item.column) for item in scene.objects]
        free = [
            (row, column)
            for row in range(GRID - OBJECT_CELLS + 1)
            for column in range(GRID - OBJECT_CELLS + 1)
            if all(max(abs(row - a), abs(column - b)) >= OBJECT_CELLS for a, b in taken)
        ]
        if free:
            row, column = free[int(rng.integers(len(free)))]
            return replace(scene, objects=(*scene.objects, replace(scene.objects[0], row=row, column=column)))
    index = int(rng.integers(len(scene.objects)))
    return replace(scene, objects=(*scene.objects[:index], *scene.objects[index + 1 :]))


def false_position(rng: Generator, scene: Scene) -> Scene:
    """The two objects change places."""
    a, b = scene.objects
    return replace(scene, objects=(replace(a, row=b.row, column=b.column), replace(b, row=a.row, column=a.column)))


FALSE: dict[str, tuple[Callable[[Generator, Scene], Scene], tuple[str, ...]]] = {
    "class": (false_class, ("single_object", "two_object", "counting", "colors", "position", "color_attr")),
    "color": (false_color, ("colors", "color_attr")),
    "count": (false_count, ("counting",)),
    "position": (false_position, ("position",)),
}
"""By what is falsified: the function that does it, and the tasks for which it makes a prompt false."""


def _with(scene: Scene, index: int, item: SceneObject) -> Scene:
    return replace(scene, objects=(*scene.objects[:index], item, *scene.objects[index + 1 :]))
