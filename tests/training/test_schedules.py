"""Learning rates."""

import pytest

from training.schedules import cosine


def test_the_rate_rises_to_its_peak_and_falls_to_its_floor() -> None:
    rates = [cosine(step, 30, 2.0, warmup=10, floor=0.1) for step in range(31)]
    assert rates[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert rates[10] == pytest.approx(2.0)
    assert rates[20] == pytest.approx(1.1)
    assert rates[30] == pytest.approx(0.2)
    assert rates[10:] == sorted(rates[10:], reverse=True)
