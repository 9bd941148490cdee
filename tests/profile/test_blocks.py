from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scalingar.profile import ProfileConfig
from scalingar.profile.blocks import BlockMap, BlockStability, worst_block_entropy, worst_count
from scalingar.profile.rounding import ROUNDING


def run(config: ProfileConfig, values: np.ndarray, grid: tuple[int, int]) -> list[np.ndarray]:
    """B_t of every step; `values` are H̄ `(t, n)` in raster order."""
    state, seen = BlockStability.start(config, values.shape[1], grid), []
    for position, value in enumerate(values.astype(np.float32)):
        state = state.update(value, position)
        seen.append(state.stability)
    return seen


def restated(config: ProfileConfig, values: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """The same from all values at once, block by block."""
    (h, w), b, worst = grid, config.block_size, []
    for t in range(len(values)):
        means = []
        for y in range(0, h, b):
            for x in range(0, w, b):
                cells = [i * w + j for i in range(y, min(y + b, h)) for j in range(x, min(x + b, w))]
                done = [i for i in cells if i <= t]
                if done and len(done) / len(cells) >= config.min_fill:
                    means.append(values[done].mean(0))
        if means:
            count = max(1, int(np.ceil(config.worst_fraction * len(means) - 1e-9)))
            worst.append(np.sort(means, axis=0)[-count:].mean(0))
        else:
            worst.append(np.full(values.shape[1], np.nan))
    stability = np.ones_like(values)
    for t, now in enumerate(worst):
        past = np.array(worst[: t + 1])
        if np.isnan(now).any():
            continue
        axis = None if config.block_window == "pooled" else 0
        low, high = np.nanmin(past, axis), np.nanmax(past, axis)
        differ = high - low > ROUNDING
        spread = np.where(differ, high - low, 1)
        stability[t] = np.where(differ, 1 - (now - low) / spread, 1)
    return stability


def test_ragged_blocks_at_the_edges() -> None:
    blocks = BlockMap.cut((3, 5), 2)
    assert blocks.index == (0, 0, 1, 1, 2, 0, 0, 1, 1, 2, 3, 3, 4, 4, 5)
    assert blocks.sizes == (4, 4, 2, 2, 2, 1)


def test_a_grid_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0x4 grid"):
        BlockMap.cut((0, 4), 2)


@pytest.mark.parametrize(("fraction", "eligible", "count"), [(0.1, 1, 1), (0.1, 11, 2), (0.1, 30, 3), (0.5, 3, 2)])
def test_the_worst_blocks_are_counted_upwards(fraction: float, eligible: int, count: int) -> None:
    assert worst_count(fraction, eligible) == count


def test_worst_entropy_worked_by_hand() -> None:
    means = np.array([[0.2, 0.9, 0.5, -np.inf], [0.1, 0.1, 0.4, -np.inf]])
    np.testing.assert_allclose(worst_block_entropy(means, 2), [0.7, 0.25])


def test_stability_worked_by_hand() -> None:
    # Blocks of 1 x 1, worst = all blocks: E_worst is the mean so far: .4, .5, .4 and then .5.
    config = ProfileConfig(block_size=1, worst_fraction=1.0)
    seen = run(config, np.array([[0.4], [0.6], [0.2], [0.8]]), (2, 2))
    np.testing.assert_allclose(np.concatenate(seen), [1, 0, 1, 0], atol=1e-5)


def test_pooled_extremes_rank_trajectories_and_single_ones_do_not() -> None:
    values = np.array([[0.2, 0.6], [0.2, 0.6]])
    pooled = run(ProfileConfig(block_size=1), values, (1, 2))
    alone = run(ProfileConfig(block_size=1, block_window="trajectory"), values, (1, 2))
    assert pooled[-1].tolist() == [1, 0]
    assert alone[-1].tolist() == [1, 1]


def test_nothing_is_judged_before_half_a_block_is_drawn() -> None:
    # On a 4x8 grid block 0 holds positions 0-3 of each row of 8: half full at position 11.
    state = BlockStability.start(ProfileConfig(), 2, (4, 8))
    for position in range(12):
        assert np.isneginf(state.means).all()
        assert state.stability.tolist() == [1, 1]
        state = state.update(np.array([0.1, 0.9], np.float32), position)
    assert np.isfinite(state.means).sum(axis=1).tolist() == [1, 1]
    assert state.stability.tolist() == [1, 0]


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["pooled", "trajectory"]),
    st.sampled_from([0.1, 0.4, 1.0]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.integers(1, 4),
)
def test_agrees_with_a_restatement(seed: int, window: str, fraction: float, fill: float, size: int) -> None:
    values = np.random.default_rng(seed).random((30, 3)).astype(np.float32)
    config = ProfileConfig.model_validate(
        {"block_window": window, "worst_fraction": fraction, "min_fill": fill, "block_size": size}
    )
    got = np.array(run(config, values, (5, 6)))
    np.testing.assert_allclose(got, restated(config, values, (5, 6)), atol=2e-3)
    assert ((got >= 0) & (got <= 1)).all()


def test_a_broken_row_leaves_the_others_alone() -> None:
    values = np.random.default_rng(1).random((6, 3)).astype(np.float32)
    broken = values.copy()
    broken[2:, 1] = np.nan
    # Row 1 must not have set the extremes before it broke.
    broken[:2, 1] = values[:2, 1] = values[:2, 0]
    config = ProfileConfig(block_size=1)
    others = run(config, np.delete(broken, 1, axis=1), (2, 3))
    got = run(config, broken, (2, 3))
    np.testing.assert_allclose(np.delete(got[-1], 1), others[-1], atol=1e-6)
    assert np.isnan(got[-1][1])


def test_selecting_commutes_with_updating() -> None:
    values = np.random.default_rng(2).random((8, 3)).astype(np.float32)
    config, rows = ProfileConfig(block_size=1, block_window="trajectory"), torch.tensor([2, 0, 0])
    state = BlockStability.start(config, 3, (2, 4))
    for position in range(7):
        state = state.update(values[position], position)
    after = state.update(values[7], 7).select(rows)
    before = state.select(rows).update(values[7][rows.numpy()], 7)
    np.testing.assert_array_equal(after.stability, before.stability)
    np.testing.assert_array_equal(after.sums, before.sums)


@pytest.mark.parametrize("position", [-1, 8])
def test_positions_outside_the_grid_are_refused(position: int) -> None:
    state = BlockStability.start(ProfileConfig(), 1, (2, 4))
    with pytest.raises(ValueError, match="outside a grid of 8"):
        state.update(np.zeros(1, np.float32), position)
