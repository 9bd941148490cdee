"""Memory of captured steps: in sizes, for one batch at a time, used again."""

import torch

from scalingar.models.arenas import Arenas, added_to_scores, fitting


def layers(slots: int = 4) -> list[torch.Tensor]:
    return [torch.zeros(2, 1, 3, slots, 5) for _ in range(2)]


def test_sizes() -> None:
    assert [fitting(rows) for rows in (1, 3, 4, 5, 33, 64, 65, 129)] == [1, 4, 4, 8, 64, 64, 128, 192]


def test_two_batches_have_two_arenas_and_the_next_takes_a_free_one() -> None:
    arenas = Arenas()
    first, second = (arenas.lease(layers(), None, 3) for _ in range(2))
    assert first.arena is not second.arena
    free = first.arena
    assert free.rows == 4
    del first
    third = arenas.lease(layers(), None, 2)
    assert third.arena is free


def test_an_arena_that_does_not_fit_is_given_up() -> None:
    arenas = Arenas()
    small = arenas.lease(layers(), None, 2).arena
    for other in (
        arenas.lease(layers(), None, 3),
        arenas.lease(layers(slots=6), None, 1),
        arenas.lease(layers(), torch.ones(1, 2), 1),
    ):
        assert other.arena is not small


def test_a_mask_is_what_is_added() -> None:
    assert added_to_scores(torch.tensor([[True, False]])).tolist() == [[0.0, -torch.inf]]
    assert added_to_scores(torch.tensor([[0.5, 0.25]])).tolist() == [[0.5, 0.25]]
