"""Relative drops by hand, and against plain NumPy."""

import numpy as np
import pytest

from scalingar.bench.statistics import ScoreTable
from scalingar.bench.statistics.drops import Drop, Group, score_drops
from scalingar.core.errors import BenchmarkError


def table(points: list[float], tasks: str = "") -> ScoreTable:
    names = tuple(map(str, range(len(points))))
    return ScoreTable(names, tuple(tasks) or ("a",) * len(points), np.array(points, float), np.ones(len(points)))


def drops(ordinary: dict[str, list[float]], hard: dict[str, list[float]], resamples: int = 200) -> dict[str, Drop]:
    easy, difficult = (Group({name: table(row) for name, row in rows.items()}) for rows in (ordinary, hard))
    return score_drops(easy, difficult, "base", np.random.default_rng(0), resamples=resamples)


def test_by_hand() -> None:
    """From 0.8 to 0.4 the drop is half, from 0.8 to 0.6 a quarter: half of the baseline's is mitigated."""
    ordinary = [1.0] * 80 + [0.0] * 20
    found = drops(
        {"base": ordinary, "new": ordinary},
        {"base": [1.0, 0.0] * 20 + [0.0] * 10, "new": [1.0] * 20 + [1.0, 0.0] * 10 + [0.0] * 10},
    )
    assert (found["base"].ordinary, found["base"].hard) == (0.8, 0.4)
    assert found["base"].drop.value == pytest.approx(0.5)
    assert found["base"].less is None
    new = found["new"]
    assert new.less is not None
    assert new.mitigated is not None
    assert new.drop.value == pytest.approx(0.25)
    assert new.less.value == pytest.approx(0.25)
    assert new.mitigated.value == pytest.approx(0.5)
    for interval in (new.drop, new.less, new.mitigated):
        assert interval.low < interval.value < interval.high


def test_intervals_are_those_of_resampled_prompts_that_strategies_share() -> None:
    rng = np.random.default_rng(5)
    easy, hard = rng.random((2, 30)), rng.random((2, 20)) / 3
    found = drops(
        dict(zip(("base", "new"), easy.tolist(), strict=True)),
        dict(zip(("base", "new"), hard.tolist(), strict=True)),
        resamples=50,
    )
    again = np.random.default_rng(0)
    picked = [again.integers(0, n, (50, n)) for n in (30, 20)]
    means = [rows[:, draws].mean(-1) for rows, draws in zip((easy, hard), picked, strict=True)]
    lost = 1 - means[1] / means[0]
    assert found["base"].drop.low == pytest.approx(np.quantile(lost[0], 0.025))
    assert found["new"].less is not None
    assert found["new"].less.high == pytest.approx(np.quantile(lost[0] - lost[1], 0.975))


def test_a_share_of_no_drop_is_not_told() -> None:
    same = [1.0, 0.0] * 20
    assert drops({"base": same, "new": same}, {"base": same, "new": same})["new"].mitigated is None


def test_tasks_are_weighted() -> None:
    weighted = Group({"base": table([1, 1, 0], "aab")}, {"a": 0.25, "b": 0.75})
    found = score_drops(Group({"base": table([1, 1])}), weighted, "base", np.random.default_rng(0), resamples=9)
    assert found["base"].hard == 0.25


def test_what_gives_no_drop_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="base scores 0 on ordinary prompts"):
        drops({"base": [0, 0]}, {"base": [1, 0]})
    with pytest.raises(BenchmarkError, match="do not hold the same prompts"):
        drops({"base": [1, 0], "new": [1]}, {"base": [1], "new": [1]})


@pytest.mark.parametrize(("easy", "hard"), [([1.0], [0.0, 1.0]), ([1.0, 0.5], [0.5])])
def test_a_single_prompt_gives_no_interval(easy: list[float], hard: list[float]) -> None:
    found = drops({"base": easy, "new": easy}, {"base": hard, "new": hard})
    assert found["base"].drop.value == 1 - np.mean(hard) / np.mean(easy)
    assert found["new"].less is not None
    assert np.isnan([found["base"].drop.low, found["base"].drop.high, found["new"].less.low]).all()
    assert found["new"].mitigated is None
