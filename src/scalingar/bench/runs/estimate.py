"""What a run will take, from sizes and a measured step: images, tokens, memory, hours. Nothing is loaded."""

import math
from dataclasses import dataclass

import torch

from scalingar.models.shape import Shape
from scalingar.strategies import Strategy
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import branches_of, check_branches, check_serves

_VALUES = 2
"""A search only has to be told some number of values of a code."""


@dataclass(frozen=True)
class Load:
    """``images`` in ``shards`` of at most ``shard``, drawn by ``workers`` at once with ``max_rows`` rows each."""

    images: int
    shard: int
    max_rows: int
    workers: int

    @property
    def shards(self) -> int:
        """How many there are."""
        return math.ceil(self.images / self.shard)


@dataclass(frozen=True)
class Estimate:
    """Of one strategy, if nothing is cut that need not be.

    ``trajectories``: begun, of all images. ``rows``: alive at once in a worker. ``steps``: of all shards together, each
    of ``rows`` trajectories. ``cache``: bytes in a worker with as many whole trajectories.
    """

    trajectories: int
    tokens: int
    rows: int
    steps: int
    cache: int

    def worker_hours(self, step_ms: float) -> float:
        """Of all workers together, for a step of ``rows`` trajectories that takes so many milliseconds on average."""
        return self.steps * step_ms / 3.6e6

    def hours(self, step_ms: float, load: Load) -> float:
        """Until the last worker is done: whole shards are shared out."""
        return self.worker_hours(step_ms) * math.ceil(load.shards / load.workers) / load.shards


def estimate(strategy: Strategy, shape: Shape, load: Load, *, dtype: torch.dtype, guidance_scale: float) -> Estimate:
    """Count what ``strategy`` draws at most. Raises ConfigError: it does not fit the model."""
    scales = shape.scales if shape.next_scale else ()
    check_serves(strategy, "next-scale" if shape.next_scale else "next-token")
    check_branches(strategy, guidance_scale)
    setting = Setting(shape.scales[-1], guidance_scale, 0, scales, _VALUES)
    alive, drawn = strategy.most_alive(setting), strategy.most_drawn(setting)
    grids = scales or [(1, 1)] * len(drawn)
    tokens = sum(rows * height * width for rows, (height, width) in zip(drawn, grids, strict=True))
    most = max(load.max_rows, *alive)
    rows = min(most, min(load.shard, load.images) * max(alive))

    def rounds(images: int) -> int:
        """Of a shard. In whole trajectories, for those that end early leave their rows to others."""
        return math.ceil(images * tokens / (shape.tokens * most))

    full, rest = divmod(load.images, load.shard)
    return Estimate(
        trajectories=load.images * drawn[0],
        tokens=load.images * tokens,
        rows=rows,
        steps=(full * rounds(load.shard) + rounds(rest)) * shape.steps,
        cache=rows * shape.cache_bytes(dtype, branches=branches_of(strategy, guidance_scale)),
    )
