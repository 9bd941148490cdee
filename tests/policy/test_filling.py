"""A prefix of a raster made a picture, on a grid of 2 x 4 codes: blocks of two."""

import numpy as np
import pytest
import torch

from scalingar.policy.filling import block_length, blocks_of, filled, repeated, with_blocks

GRID = (2, 4)
FIVE = torch.tensor([1, 2, 3, 4, 5])


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_grey_fills_nothing() -> None:
    assert filled(FIVE, GRID, "grey", generator()).tolist() == [1, 2, 3, 4, 5]


def test_repeat_goes_round() -> None:
    assert filled(FIVE, GRID, "repeat", generator()).tolist() == [1, 2, 3, 4, 5, 1, 2, 3]
    assert repeated(FIVE[:1], 3).tolist() == [1, 1, 1]


def test_missing_blocks_are_drawn_ones_and_drawn_codes_stay() -> None:
    assert block_length(GRID) == 2
    assert blocks_of(5, GRID) == (2, 2)
    assert with_blocks(FIVE, GRID, np.array([1, 0])).tolist() == [1, 2, 3, 4, 5, 4, 1, 2]


def test_random_blocks_are_all_drawn_ones() -> None:
    seen = {tuple(filled(FIVE, GRID, "blocks", generator(seed)).tolist()[6:]) for seed in range(20)}
    assert seen == {(1, 2), (3, 4)}


@pytest.mark.parametrize("fill", ["repeat", "blocks"])
@pytest.mark.parametrize("grid", [(1, 1), (3, 1), (3, 3), (2, 5)])
def test_every_prefix_of_any_grid_is_filled(fill: str, grid: tuple[int, int]) -> None:
    total = grid[0] * grid[1]
    for drawn in range(1, total + 1):
        codes = torch.arange(1, drawn + 1)
        result = filled(codes, grid, fill, generator())  # type: ignore[arg-type]
        assert len(result) == total
        assert torch.equal(result[:drawn], codes)
        assert set(result.tolist()) <= set(codes.tolist())


def test_a_preview_is_filled_alone_and_stays_when_it_is_complete() -> None:
    """A preview of 1 x 4 codes before the grid of 2 x 4."""
    preview = (1, 4)
    for fill in ("repeat", "blocks"):
        for drawn in range(1, 13):
            codes = torch.arange(drawn)
            result = filled(codes, GRID, fill, generator(), preview)
            first = drawn <= 4
            assert len(result) == (4 if first else 12)
            assert torch.equal(result[:drawn], codes)
            assert set(result[4:].tolist()) <= set(range(4, drawn)), "of the grid's codes, none of the preview's"


def test_blocks_are_the_grids_beside_a_preview() -> None:
    codes = torch.tensor([8, 8, 8, 8, 1, 2, 3])
    assert filled(codes, GRID, "repeat", generator(), (1, 4)).tolist() == [8, 8, 8, 8, 1, 2, 3, 1, 2, 3, 1, 2]
    blocks = filled(codes, GRID, "blocks", generator(), (1, 4)).tolist()
    assert blocks == [8, 8, 8, 8, 1, 2, 3, 2, 1, 2, 1, 2]
