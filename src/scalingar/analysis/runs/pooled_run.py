"""A run with more trajectories per image, by pooling several images of a prompt."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.trace_files import TraceFiles
from scalingar.core.errors import BenchmarkError


@dataclass(frozen=True)
class PooledRun(CompleteRun):
    """Every ``pool_size`` images of a prompt become one image with ``pool_size · N`` trajectories, in the same order.

    Every trajectory has noise of its own, so those of two images are as independent as two of one image: the result is
    what a run with that many trajectories would be under other seeds.
    """

    source: CompleteRun
    pool_size: int

    @classmethod
    def of(cls, run: CompleteRun, pool_size: int) -> Self:
        """Raises BenchmarkError if ``pool_size`` does not divide the images per prompt."""
        images = run.plan.images_per_prompt
        if pool_size < 1 or images % pool_size:
            each = f"{images} image{'s' * (images != 1)} per prompt"
            raise BenchmarkError(f"{run.folder} has {each}; {pool_size} of them cannot be pooled.")
        pools = (run.lines[start : start + pool_size] for start in range(0, run.images, pool_size))
        lines = [{**pool[0], "candidates": [c for line in pool for c in line["candidates"]]} for pool in pools]
        return cls(run.folder, run.plan, lines, run, pool_size)

    @property
    def trajectories(self) -> int:
        """Trajectories per pooled image."""
        return self.pool_size * self.source.trajectories

    @cached_property
    def traces(self) -> TraceFiles:
        """The source's step-wise values, which are read only once."""
        return replace(self.source.traces, pool_size=self.pool_size)
