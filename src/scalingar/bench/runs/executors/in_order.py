"""Work done side by side in threads, and handed on in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

import torch

from scalingar.bench.runs.shard import Stopped

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Task, Stopped], Result], tasks: Iterable[Task], *, workers: int, threads: int
) -> Iterator[Result]:
    """Results in the order of ``tasks``; ``workers`` tasks run at once, each with ``threads`` threads of torch.

    The weights are shared. The error of a failed task is raised after all results before it were yielded. Then, and
    when the iterator is closed, the other tasks are stopped.
    """
    stop = Event()
    ahead: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, "shard", torch.set_num_threads, (threads,)) as pool:
        try:
            for task in tasks:
                ahead.append(pool.submit(work, task, stop.is_set))
                if len(ahead) == 2 * workers:  # one for each worker, and one to go on with
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            stop.set()
            for future in ahead:
                future.cancel()
