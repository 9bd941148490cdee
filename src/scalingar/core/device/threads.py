"""Torch's number of threads for a block of code: it changes how sums are split, and so their last bits."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def usable_threads(count: int) -> int:
    """``count``, or as many as this process has processors, if those are fewer; never less than torch uses now."""
    affinity = getattr(os, "sched_getaffinity", None)
    processors = os.cpu_count() or 1 if affinity is None else len(affinity(0))
    return min(count, max(processors, torch.get_num_threads()))


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Use ``count`` threads inside the block and restore the number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
