"""Aspect ratios, sizes and positions; the tables themselves are compared in ``tests/doctor``."""

import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.models.infinity.schedules import TEMPLATES, InfinitySchedule, infinity_schedule, nearest_ratio


def test_sizes_of_square_pictures() -> None:
    told = {p: infinity_schedule(1.0, p) for p in ("0.06M", "0.25M", "0.60M", "1M")}
    assert {p: s.image_size[0] for p, s in told.items()} == {"0.06M": 256, "0.25M": 512, "0.60M": 768, "1M": 1024}
    tokens = {p: sum(h * w for h, w in s.scales) for p, s in told.items()}
    assert tokens == {"0.06M": 521, "0.25M": 2521, "0.60M": 6425, "1M": 10521}


def test_wide_templates_are_tall_ones_turned() -> None:
    assert len(TEMPLATES) == 15
    assert all(len(grids) == 13 for grids in TEMPLATES.values())
    assert TEMPLATES[0.333] == tuple((w, h) for h, w in TEMPLATES[3.0])


@pytest.mark.parametrize(("asked", "found"), [(1.0, 1.0), (0.85, 0.8), (1.4, 1.333), (16 / 9, 1.75), (0.01, 0.333)])
def test_nearest_template(asked: float, found: float) -> None:
    assert nearest_ratio(asked) == found


def test_positions_are_spread_over_a_million_pixels() -> None:
    rows = {side: infinity_schedule().positions(scale)[::side, 0].tolist() for scale, side in ((3, 6), (5, 12))}
    assert rows == {6: [0, 11, 21, 32, 43, 53], 12: [0, 5, 11, 16, 21, 27, 32, 37, 43, 48, 53, 59]}
    small, large = infinity_schedule(1.5, "0.06M"), infinity_schedule(1.5, "1M")
    assert torch.equal(small.positions(6), large.positions(6))


def test_rows_come_first() -> None:
    schedule = InfinitySchedule(scales=((2, 3),), full=(2, 3))
    assert schedule.positions(0).tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    table = schedule.rotary(0, 8)
    assert table.shape == (6, 4, 2)
    torch.testing.assert_close(table[3, :2, 0], torch.tensor([1.0, 0.01]).cos())
    torch.testing.assert_close(table[3, 2:, 0], torch.ones(2))


def test_what_does_not_exist() -> None:
    with pytest.raises(ConfigError, match=r"preset is '0\.6M'; did you mean '0\.60M'"):
        infinity_schedule(1.0, "0.6M")
    with pytest.raises(ConfigError, match=r"h_div_w is -1\.0; height over width must be"):
        nearest_ratio(-1.0)
