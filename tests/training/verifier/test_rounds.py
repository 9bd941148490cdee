"""Schedules of rounds: what they cost, and whom they hand out."""

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
