from dataclasses import replace

import numpy as np
import pytest

from scalingar.bench.benchmarks.geneval.prompts import official_prompts
from scalingar.bench.benchmarks.geneval.rules import GenEvalOptions, found_objects, judge
from scalingar.bench.judges.detectors import Detection
from training.world.official_scenes import FALSE, false_count, lay_out
from training.world.scenes import Scene, SceneObject

OPTIONS = GenEvalOptions()


def seen(scene: Scene) -> list[Detection]:
    """What a perfect detector reports."""
    return [Detection(item.name, item.box, 1.0, item.color or "mixed") for item in scene.objects]


@pytest.mark.parametrize("kind", ["true", *FALSE])
def test_scenes_are_as_true_as_they_say(kind: str) -> None:
    for number, metadata in enumerate(official_prompts()[::5]):
        rng = np.random.default_rng((6, number))
        scene = lay_out(rng, metadata)
        if kind != "true":
            falsify, tasks = FALSE[kind]
            if metadata.tag not in tasks:
                continue
            scene = falsify(rng, scene)
        objects = found_objects(seen(scene), metadata.tag, OPTIONS)
        assert judge(metadata, objects, lambda one: str(one.color), OPTIONS).correct == (kind == "true"), metadata


def test_a_false_count_is_never_above_four() -> None:
    dogs = tuple(SceneObject("dog", None, 0, 0) for _ in range(4))  # there would be room for another one
    scene = Scene("counting", "a photo of four dogs", dogs, 0)
    assert {len(false_count(np.random.default_rng(seed), scene).objects) for seed in range(10)} == {3}
    fewer = replace(scene, objects=dogs[:3])
    assert {len(false_count(np.random.default_rng(seed), fewer).objects) for seed in range(10)} == {2, 4}
