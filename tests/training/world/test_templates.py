from dataclasses import replace

import numpy as np

from training.generators.evaluate import shows
from training.generators.tokenizer import to_tensor
from training.world.scenes import Scene, SceneObject, Sprites, render, sample_scene
from training.world.templates import Templates


def test_names_what_true_renders_show(sprites: Sprites) -> None:
    templates = Templates(sprites)
    rng = np.random.default_rng(1)
    for _ in range(12):
        scene = sample_scene(rng)
        found = templates.find(to_tensor(render(scene, sprites)[None])[0])
        assert shows(scene, found), scene.prompt


def test_a_wrong_class_or_relation_does_not_count(sprites: Sprites) -> None:
    templates = Templates(sprites)
    objects = (SceneObject("dog", None, 3, 0), SceneObject("cat", None, 3, 7))
    scene = Scene("position", "a photo of a dog left of a cat", objects, 0)
    found = templates.find(to_tensor(render(scene, sprites)[None])[0])
    assert shows(scene, found)
    assert not shows(replace(scene, prompt="a photo of a dog right of a cat"), found)
    assert not shows(replace(scene, objects=(objects[0], replace(objects[1], name="cow"))), found)
    assert not shows(replace(scene, objects=objects[:1]), found)
