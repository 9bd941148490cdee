"""Several shards at once: two with a thread each keep two cores busier than one with two threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")
Stopped = Callable[[], bool]
"""Asked by work now and then: whether nobody waits for it any more."""


def in_order(
    work: Callable[[Task, Stopped], Result], tasks: Iterable[Task], *, workers: int, threads: int
) -> Iterator[Result]:
    """Results in the order of ``tasks``, ``workers`` of which are under way at once with ``threads`` of torch each.

    The weights are shared. When one fails, its error is raised in its turn, after what comes before it was yielded,
    and the others are told to stop; so they are when the iterator is closed.
    """
    stop = Event()
    ahead: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, "shard", torch.set_num_threads, (threads,)) as pool:
        try:
            for task in tasks:
                ahead.append(pool.submit(work, task, stop.is_set))
                if len(ahead) == 2 * workers:  # one for each worker, and one that it can go on with
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            stop.set()
            for future in ahead:
                future.cancel()
