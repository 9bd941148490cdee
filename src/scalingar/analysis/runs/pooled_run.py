"""More trajectories than a run was drawn with: several images of a prompt taken as one."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.trace_files import TraceFiles
from scalingar.core.errors import BenchmarkError


@dataclass(frozen=True)
class PooledRun(CompleteRun):
    """Each ``together`` images of a prompt as one image with ``together · N`` trajectories, in the order of the images.

    Every trajectory has noise of its own, so those of two images are as independent as two of one image: this is a run
    of that many trajectories, drawn with other seeds.
    """

    source: CompleteRun
    together: int

    @classmethod
    def of(cls, run: CompleteRun, together: int) -> Self:
        """Raises BenchmarkError: the run's images per prompt cannot be divided so."""
        each = run.plan.images_per_prompt
        if together < 1 or each % together:
            raise BenchmarkError(f"{run.folder} has {each} images per prompt; {together} of them cannot be pooled.")
        groups = (run.lines[start : start + together] for start in range(0, run.images, together))
        lines = [{**group[0], "candidates": [one for line in group for one in line["candidates"]]} for group in groups]
        return cls(run.folder, run.plan, lines, run, together)

    @property
    def trajectories(self) -> int:
        """N of the run, as often as images are taken together."""
        return self.together * self.source.trajectories

    @cached_property
    def traces(self) -> TraceFiles:
        """The source's step-wise values, read once for both."""
        return replace(self.source.traces, together=self.together)
