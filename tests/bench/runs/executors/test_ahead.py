"""What is handed out, and in which order results come back, whatever ends or is lost first."""

import pytest

from scalingar.bench.runs.executors.ahead import Ahead
from scalingar.bench.runs.shard import Shard, Task


def shard(number: int) -> Shard:
    return Shard(number, [], {}, {})


def taken(ahead: Ahead) -> list[int]:
    return [one.number for one in ahead.in_turn()]


def test_results_come_in_turn_and_few_are_computed_ahead() -> None:
    tasks = [Task(number, []) for number in (3, 5, 6, 9)]
    ahead = Ahead(tasks, 2)
    assert [ahead.next(), ahead.next(), ahead.next()] == [*tasks[:2], None]
    ahead.ended(tasks[1], shard(5))
    assert taken(ahead) == []
    assert ahead.next() is None, "5 still waits for 3"
    ahead.ended(tasks[0], shard(3))
    assert taken(ahead) == [3, 5]
    assert [ahead.next(), ahead.next(), ahead.next()] == [*tasks[2:], None]
    assert not ahead.over
    for task in tasks[2:]:
        ahead.ended(task, shard(task.number))
    assert taken(ahead) == [6, 9]
    assert ahead.over


def test_what_was_lost_is_done_again_first() -> None:
    tasks = [Task(number, []) for number in range(5)]
    ahead = Ahead(tasks, 3)
    for _ in range(3):
        ahead.next()
    ahead.lost(tasks[2])
    ahead.lost(tasks[0])
    assert [ahead.next(), ahead.next(), ahead.next()] == [tasks[0], tasks[2], None]


def test_an_error_comes_in_its_turn() -> None:
    tasks = [Task(number, []) for number in range(2)]
    ahead = Ahead(tasks, 2)
    for task in tasks:
        assert ahead.next() is task
    ahead.ended(tasks[1], ValueError("the second"))
    ahead.ended(tasks[0], shard(0))
    results = ahead.in_turn()
    assert next(results).number == 0
    with pytest.raises(ValueError, match="the second"):
        next(results)
