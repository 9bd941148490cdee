"""Seconds, bytes and speeds of a device."""

import gc
import statistics
import time
from collections.abc import Callable
from itertools import islice

import torch

from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.stream import Stream

FIRST = 8
"""Steps in which a run prefills, wakes libraries up and captures graphs."""


def synchronised(device: torch.device) -> float:
    """The clock, once the device has done all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Of one call."""
    started = synchronised(device)
    work()
    return synchronised(device) - started


def median_run(work: Callable[[], ImageOutput], device: torch.device, repeats: int) -> tuple[float, ImageOutput]:
    """The run of median seconds."""
    runs = []
    for _ in range(repeats):
        started = synchronised(device)
        output = work()
        runs.append((synchronised(device) - started, output))
    return sorted(runs, key=lambda run: run[0])[(repeats - 1) // 2]


def step_seconds(stream: Stream, device: torch.device) -> float:
    """Of one step, the device's work included: the mean over a run after its first steps."""
    steps = iter(stream)
    for _ in islice(steps, FIRST):
        pass
    started = synchronised(device)
    count = sum(1 for _ in steps)
    return (synchronised(device) - started) / count


def warm_up(stream: Stream) -> None:
    """The first steps of a run: libraries wake up, graphs are captured."""
    for _ in islice(stream, FIRST):
        pass


def copy_speed(size: int, device: torch.device) -> float:
    """Bytes read and written in a second by a plain copy of ``size`` bytes."""
    source = torch.randn(size // 4, device=device)
    target = torch.empty_like(source)
    return 2 * size / statistics.median(seconds(lambda: target.copy_(source), device) for _ in range(9))


def start_peak(device: torch.device) -> None:
    """Forget what was held before."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_gigabytes(device: torch.device) -> float | None:
    """The most that was allocated at once since; None where the device does not count."""
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None
