from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from scalingar.models.embedded.grammar import parse
from training.world.scenes import (
    BACKGROUNDS,
    CELL,
    GRID,
    OBJECT_CELLS,
    SIZE,
    TASK_SHARES,
    Scene,
    SceneObject,
    Sprites,
    render,
    sample_scene,
)

SCENES = [sample_scene(np.random.default_rng((5, i))) for i in range(400)]


def test_every_prompt_is_understood_and_says_what_is_drawn() -> None:
    for scene in SCENES:
        parsed = parse(scene.prompt)
        assert parsed.unknown == ()
        for item in scene.objects:
            assert item.name in parsed.terminals
            assert item.color is None or item.color in parsed.terminals


def test_objects_lie_on_the_canvas_and_apart() -> None:
    for scene in SCENES:
        taken = np.zeros((GRID, GRID), int)
        for item in scene.objects:
            taken[item.row : item.row + OBJECT_CELLS, item.column : item.column + OBJECT_CELLS] += 1
        assert taken.max() == 1
        assert taken.sum() == len(scene.objects) * OBJECT_CELLS**2


def test_relations_hold() -> None:
    seen = Counter[str]()
    for scene in SCENES:
        if scene.task != "position":
            continue
        first, second = scene.objects
        relation = parse(scene.prompt).terminals[1]
        seen[relation] += 1
        right, down = first.column - second.column, first.row - second.row
        along = {"left of": -right, "right of": right, "above": -down, "below": down}[relation]
        across = down if relation in ("left of", "right of") else right
        assert along >= OBJECT_CELLS
        assert abs(across) <= 1
    assert set(seen) == {"left of", "right of", "above", "below"}


def test_tasks_follow_their_shares() -> None:
    counts = Counter(scene.task for scene in SCENES)
    for task, share in TASK_SHARES.items():
        assert counts[task] / len(SCENES) == pytest.approx(share, abs=0.08)


def test_counts_are_drawn() -> None:
    words = {"two": 2, "three": 3, "four": 4}
    counted = [scene for scene in SCENES if scene.task == "counting"]
    assert counted
    for scene in counted:
        assert len(scene.objects) == words[parse(scene.prompt).terminals[0]]


def test_a_drawing_repeats_exactly_on_the_lattice(sprites: Sprites) -> None:
    scene = Scene("counting", "", (SceneObject("dog", None, 0, 1), SceneObject("dog", None, 6, 7)), 1)
    picture = render(scene, sprites)
    assert picture.shape == (SIZE, SIZE, 3)
    (ax, ay, _, _), (bx, by, _, _) = (item.box for item in scene.objects)
    side = OBJECT_CELLS * CELL
    np.testing.assert_array_equal(picture[ay : ay + side, ax : ax + side], picture[by : by + side, bx : bx + side])
    assert tuple(picture[SIZE - 1, 0]) == BACKGROUNDS[1]


def test_the_same_generator_state_gives_the_same_scene() -> None:
    assert sample_scene(np.random.default_rng(3)) == sample_scene(np.random.default_rng(3))


def test_art_that_is_missing_or_damaged_or_lacks_a_class_is_told_in_a_sentence(work_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "art.npz"
    with pytest.raises(SystemExit, match=r"art\.npz is missing; run `make world\.art` first"):
        Sprites(path)
    whole = (work_dir / "art.npz").read_bytes()
    for half in (b"", b"half", whole[: len(whole) // 2]):
        path.write_bytes(half)
        with pytest.raises(SystemExit, match=r"art\.npz cannot be read \(.*\); run `make world\.art` again"):
            Sprites(path)
    with np.load(work_dir / "art.npz") as archive:
        np.savez(path, names=archive["names"][1:], rgba=archive["rgba"][1:])
    with pytest.raises(SystemExit, match=r"has no drawing of \w+; run `make world\.art` again"):
        Sprites(path)
