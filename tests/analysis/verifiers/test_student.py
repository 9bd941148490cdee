"""Student's t against a printed table."""

import pytest

from scalingar.analysis.verifiers.student import half_width, within


@pytest.mark.parametrize(
    ("freedom", "share", "t"),
    [(1, 0.95, 12.706), (2, 0.95, 4.303), (3, 0.9, 2.353), (10, 0.95, 2.228), (29, 0.98, 2.462), (4000, 0.95, 1.961)],
)
def test_quantiles_of_the_table(freedom: int, share: float, t: float) -> None:
    assert half_width(share, freedom) == pytest.approx(t, abs=6e-4)
    assert within(half_width(share, freedom), freedom) == pytest.approx(share)
