"""A random one of N: each as often as any other, and told by the image's seed."""

from dataclasses import replace

import numpy as np

from scalingar.strategies.controls import RandomOfN
from tests.strategies.rivals.by_hand import RASTER, candidate
from tests.tiny.pipes import PROMPT, tiny_pipe


def test_over_many_seeds_each_of_n_is_picked_as_often() -> None:
    candidates = [candidate(index) for index in range(5)]
    picks = [RandomOfN().choose(candidates, replace(RASTER, seed=seed)) for seed in range(1000)]
    assert picks == [RandomOfN().choose(candidates, replace(RASTER, seed=seed)) for seed in range(1000)]
    np.testing.assert_allclose(np.bincount(picks) / 1000, np.full(5, 1 / 5), atol=0.04)


def test_images_of_one_prompt_are_picked_each_by_its_own_seed() -> None:
    results = tiny_pipe()(PROMPT, strategy=RandomOfN(num_trajectories=8), num_images_per_prompt=4, seed=2).results
    for result in results:
        assert result.chosen == RandomOfN().choose(result.candidates, replace(RASTER, seed=result.seed))
    assert len({result.chosen for result in results}) > 1
