"""Schedules of rounds: what they cost, and whom they hand out."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scalingar.analysis.prefixes.forks import setting_of
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import var_pipe
from training.verifier.rounds import Schedule, chosen, schedules


@pytest.mark.parametrize("make", [tiny_pipe, var_pipe])
def test_all_schedules_cost_what_they_say(make: Any) -> None:
    setting = setting_of(make())
    total = setting.tokens_until(setting.total_steps)
    found = list(schedules(setting, 6, 3.0))
    assert len(found) == len(set(found)) > 3
    for schedule in found:
        tokens, rows, before = 0, schedule.count, 0
        for step, kept in (*schedule.rounds, (setting.total_steps, 0)):
            tokens += rows * (setting.tokens_until(step) - before)
            rows, before = kept, setting.tokens_until(step)
        assert schedule.images == pytest.approx(tokens / total)
        assert 2.85 <= schedule.images <= 3 + 1e-9


def test_who_is_cut_is_not_handed_out() -> None:
    reward = np.array([[0.0, 1.0, 2.0, 3.0]])
    values = {2: np.array([[4.0, 3.0, 2.0, 1.0]]), 8: np.array([[0.0, 1.0, 5.0, 9.0]])}
    order = np.array([[3, 2, 1, 0]])
    all_of = chosen(Schedule(4, (), 4.0), order, values, reward)
    assert {name: int(pick[0]) for name, pick in all_of.items()} == {"reward": 3, "verifier": 3, "both": 3}
    cut = chosen(Schedule(4, ((2, 3),), 3.0), order, values, reward)
    assert int(cut["reward"][0]) == 2
    assert int(chosen(Schedule(3, ((2, 1),), 2.0), order, values, reward)["reward"][0]) == 1, (
        "the first three of the order"
    )


def test_schedules_of_ten_steps_by_hand() -> None:
    """At most three trajectories, 11.5 to 13 steps in all."""
    setting: Any = SimpleNamespace(total_steps=10, tokens_until=lambda step: step)
    assert sorted(str(schedule) for schedule in schedules(setting, 3, 1.3)) == [
        "2, 1 after step 2",  # 2 + 2 + 8
        "2, 1 after step 3",  # 3 + 3 + 7
        "3, 1 after step 1",  # 1 + 1 + 1 + 9
        "3, 2 after step 1, 1 after step 2",  # 3 + 2 + 8
    ]


def test_of_equal_sums_of_ranks_the_higher_reward_is_handed_out() -> None:
    reward, values = np.array([[0.0, 1.0]]), {8: np.array([[1.0, 0.0]])}
    assert chosen(Schedule(2, (), 2.0), np.array([[0, 1]]), values, reward)["both"].tolist() == [1]
