"""Work done side by side and handed on in order."""

import threading

import pytest
import torch

from scalingar.bench.runs.executors.in_order import in_order
from scalingar.bench.runs.shard import Stopped


def test_results_keep_the_order_of_the_tasks_whatever_ends_first() -> None:
    second_is_done = threading.Event()

    def work(task: int, stopped: Stopped) -> int:
        if task == 0:
            assert second_is_done.wait(10)
        if task == 1:
            second_is_done.set()
        return 10 * task

    assert list(in_order(work, range(5), workers=2, threads=1)) == [0, 10, 20, 30, 40]


def test_an_error_comes_in_its_turn_and_stops_the_others() -> None:
    begun, told = [], threading.Event()

    def work(task: int, stopped: Stopped) -> int:
        begun.append(task)
        if task == 1:
            raise ValueError("the second")
        if task == 2:
            while not stopped():
                pass
            told.set()
        return task

    results = in_order(work, range(100), workers=2, threads=1)
    assert next(results) == 0
    with pytest.raises(ValueError, match="the second"):
        next(results)
    assert told.is_set()
    assert len(begun) <= 5


def test_closing_stops_what_is_under_way() -> None:
    told = threading.Event()

    def work(task: int, stopped: Stopped) -> int:
        while task and not stopped():
            pass
        told.set()
        return task

    results = in_order(work, range(100), workers=2, threads=1)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert told.is_set()


def test_every_worker_has_its_share_of_threads() -> None:
    counts = in_order(lambda _, __: torch.get_num_threads(), range(4), workers=2, threads=3)
    assert list(counts) == [3] * 4
