import os

import pytest
import torch

from scalingar.core.device.threads import usable_threads


@pytest.mark.parametrize(("asked", "used"), [(1, 1), (2, 2), (3, 3), (1024, 3)])
def test_no_more_threads_than_processors(asked: int, used: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert usable_threads(asked) == used
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert usable_threads(asked) == used
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2048)
    assert usable_threads(asked) == asked, "what torch uses anyway is no more than it has"
