import numpy as np

from training.world.damage import changed, damage
from training.world.detector_scenes import SPOILT, WHOLE, draw
from training.world.scenes import GRID, SIZE, Sprites


def test_damage_is_measured(sprites: Sprites) -> None:
    sprite, other = sprites["dog", None], sprites["cat", None]
    assert changed(sprite, sprite) == 0
    half = sprite.copy()
    half[:, : len(half) // 2] = 0
    assert 0.4 < changed(sprite, half) < 0.6
    rng = np.random.default_rng(1)
    shares = [damage(rng, sprite, [other, other]).share for _ in range(100)]
    assert min(shares) < WHOLE < SPOILT < max(shares)


def test_targets_lie_where_objects_are(sprites: Sprites) -> None:
    counts = []
    for seed in range(40):
        picture, targets = draw(np.random.default_rng(seed), sprites)
        assert picture.shape == (SIZE, SIZE, 3)
        at = targets.objectness > 0
        counts.append(int(at.sum()))
        rows, columns = at.nonzero(as_tuple=True)
        left, top, right, bottom = targets.sides[:, at]
        assert bool((left + right > 0).all())
        for low, high, middle in ((left, right, columns + 0.5), (top, bottom, rows + 0.5)):
            assert bool((middle - low >= -0.01).all())
            assert bool((middle + high <= GRID + 0.01).all())
    assert len(set(counts)) > 2
