"""Generators of keys."""

import torch

from training.keyed import keyed


def test_a_generator_depends_on_its_whole_key() -> None:
    draws = [torch.rand(4, generator=keyed(*key)).tolist() for key in ((3, 5), (3, 5), (3, 6), (4, 5), (5, 3))]
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) == 4
