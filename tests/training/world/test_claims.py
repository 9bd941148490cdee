from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from scalingar.models.embedded.grammar import parse
from training.world.claims import LESS, MORE, Claim, Thing, changed, describe, truth
from training.world.reward_pairs import claim_of, draw
from training.world.scenes import SceneObject, Sprites, sample_scene

DOG, CAT = SceneObject("dog", None, 0, 0), SceneObject("cat", "blue", 0, 6)


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (Claim((("dog", None), ("cat", "blue"))), 1.0),
        (Claim((("cat", None), ("dog", None))), 1.0),
        (Claim((("dog", "brown"), ("cat", "blue"))), 1.0),  # its own colour has a name
        (Claim((("dog", None), ("cat", None)), relation="left of"), 1.0),
        (Claim((("dog", None), ("cat", None)), relation="above"), LESS),
        (Claim((("cat", None), ("dog", None)), relation="left of"), LESS),
        (Claim((("dog", None),)), MORE),
        (Claim((("dog", "red"), ("cat", "blue"))), LESS / 2),
        (Claim((("dog", None),), count=2), LESS / 2),
        (Claim((("bus", None),)), 0.0),
    ],
)
def test_truth_by_hand(claim: Claim, expected: float) -> None:
    assert truth(claim, [Thing(DOG), Thing(CAT)]) == pytest.approx(expected)


def test_counts_are_exact_and_a_spoilt_thing_neither_helps_nor_is_overlooked() -> None:
    dogs = [Thing(replace(DOG, column=column)) for column in (0, 6)]
    assert truth(Claim((("dog", None),), count=2), dogs) == 1
    assert truth(Claim((("dog", None),), count=2), [*dogs, Thing(replace(DOG, row=6))]) == LESS
    assert truth(Claim((("dog", None),), count=2), [*dogs, Thing(replace(DOG, row=6), whole=False)]) == LESS
    assert truth(Claim((("dog", None),)), [Thing(DOG, whole=False)]) == 0


def test_claims_of_scenes_are_true_and_read_like_their_prompts() -> None:
    for i in range(200):
        scene = sample_scene(np.random.default_rng((8, i)))
        claim, things = claim_of(scene), [Thing(item) for item in scene.objects]
        assert truth(claim, things) == 1
        assert claim.words() == list(parse(scene.prompt).ids)
        described = describe(things)
        assert described is not None
        assert truth(described, things) == 1


def test_near_claims_are_mostly_false_and_fit_the_grammar() -> None:
    rng, seen = np.random.default_rng(3), Counter[bool]()
    for i in range(300):
        scene = sample_scene(np.random.default_rng((9, i)))
        near = changed(rng, claim_of(scene))
        assert len(near.words()) <= 5
        seen[truth(near, [Thing(item) for item in scene.objects]) == 1] += 1
    assert seen[False] > 2 * seen[True] > 0


def test_a_picture_and_its_claims_depend_on_the_generator_alone(sprites: Sprites) -> None:
    (picture, pairs), (again, same) = (draw(np.random.default_rng(4), sprites) for _ in range(2))
    np.testing.assert_array_equal(picture, again)
    for part, twin in zip(pairs, same, strict=True):
        assert part.equal(twin)
