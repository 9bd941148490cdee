"""Judged runs, read back as arrays; above all complete ones, which other strategies can be computed from."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, Float, Int

from scalingar.analysis.runs.trace_files import TraceFiles
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.results import RESULTS
from scalingar.bench.runs.store import TRACES, RunStore
from scalingar.core.errors import BenchmarkError
from scalingar.profile.profile_config import ProfileConfig
from scalingar.strategies import ScalingAR


@dataclass(frozen=True)
class TracedRun:
    """A finished run of ``i`` images with ``n`` trajectories of ``t`` steps each.

    ``lines``: of its ``samples.jsonl``, one per image, in the order of the first axis of every array here.
    """

    folder: Path
    plan: RunPlan
    lines: list[dict[str, Any]] = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """A run by its folder. Raises BenchmarkError: it is not finished, not all judged, or was computed itself."""
        plan = RunPlan.read(folder)
        if plan.derived_from is not None:
            raise BenchmarkError(f"{folder} was computed from the run {plan.derived_from['run']}; analyse that run.")
        if not plan.all_candidates:
            raise BenchmarkError(f"{folder} judged only what it chose; run it again with 'bench run --all-candidates'.")
        if not (folder / RESULTS).exists():
            raise BenchmarkError(f"{folder} is not finished ({RESULTS} is missing); resume it with 'bench run'.")
        run = cls(folder, plan, RunStore(folder).samples())
        run.check()
        return run

    def check(self) -> None:
        """Raises BenchmarkError where the run does not serve."""

    @property
    def traced(self) -> bool:
        """It has traces: of next-token models always, of next-scale models never."""
        return (self.folder / TRACES).is_dir()

    @cached_property
    def traces(self) -> TraceFiles:
        """Its step-wise values. Raises BenchmarkError where there are none, or they are damaged."""
        if not self.traced:
            raise BenchmarkError(f"{self.folder} has no traces; only runs of next-token models have them.")
        return TraceFiles.of(self.folder, images=len(self.lines), shard=self.plan.shard)

    @property
    def name(self) -> str:
        """The folder's name, which is the strategy's label."""
        return self.folder.resolve().name

    @property
    def images(self) -> int:
        """i."""
        return len(self.lines)

    @property
    def trajectories(self) -> int:
        """N."""
        return self.plan.recipe.strategy.num_trajectories

    @property
    def steps(self) -> int:
        """T."""
        height, width = self.traces.grid
        return height * width

    @property
    def profile(self) -> ProfileConfig:
        """The profile its traces were recorded with."""
        return self.plan.recipe.strategy.profile

    @cached_property
    def prompts(self) -> list[str]:
        """The id of each image's prompt."""
        return [line["id"] for line in self.lines]

    @cached_property
    def prompt_numbers(self) -> Int[np.ndarray, " i"]:
        """Each image's prompt as a number from 0, in the order of their first images."""
        places = {key: place for place, key in enumerate(dict.fromkeys(self.prompts))}
        return np.array([places[key] for key in self.prompts])

    @cached_property
    def tasks(self) -> list[str]:
        """The task of each image."""
        return [line["task"] for line in self.lines]

    @cached_property
    def total(self) -> Float[np.ndarray, " i"]:
        """Points there were for each image."""
        return np.array([line["verdict"]["total"] for line in self.lines], dtype=np.float64)

    @cached_property
    def points(self) -> Float[np.ndarray, "i n"]:
        """Points of every trajectory's image; NaN where it was cut and so not judged."""
        return self._table(lambda candidate: (candidate["verdict"] or {}).get("points"))

    @cached_property
    def correct(self) -> Bool[np.ndarray, "i n"]:
        """It earned all points."""
        return self.points == self.total[:, None]

    @cached_property
    def chosen(self) -> Int[np.ndarray, " i"]:
        """The trajectory whose image was handed out."""
        return np.array([line["chosen"] for line in self.lines])

    def _table(self, read: Any) -> Float[np.ndarray, "i n"]:
        """A number of every candidate; NaN for None."""
        return np.array([[read(candidate) for candidate in line["candidates"]] for line in self.lines], np.float64)


@dataclass(frozen=True)
class CompleteRun(TracedRun):
    """A run in which every trajectory finished at the base guidance scale and was judged."""

    def check(self) -> None:
        """Raises BenchmarkError: guidance was scheduled, or trajectories were cut or not judged."""
        strategy = self.plan.recipe.strategy
        if isinstance(strategy, ScalingAR) and strategy.guidance.enabled:
            raise BenchmarkError(
                f"{self.folder} scheduled the guidance scale, and other scales draw other images; "
                "give a run at a fixed scale, such as one of best-of-n."
            )
        if cut := sum(candidate["cut"] is not None for line in self.lines for candidate in line["candidates"]):
            raise BenchmarkError(
                f"{self.folder} is not complete: {cut} of its trajectories were cut; give a run that completes all, "
                "such as one of best-of-n."
            )
        if not np.isfinite(self.points).all():
            raise BenchmarkError(f"{self.folder} holds images that were not judged; run it again.")

    @cached_property
    def tokens_each(self) -> int:
        """Codes of one trajectory."""
        return int(self.lines[0]["candidates"][0]["tokens"])

    @cached_property
    def rewards(self) -> dict[str, Float[np.ndarray, "i n"]]:
        """What rewards said of every image, by their names."""
        return self._tables("rewards")

    @cached_property
    def signals(self) -> dict[str, Float[np.ndarray, "i n"]]:
        """What was recorded of every trajectory when it was complete, by name."""
        return self._tables("signals")

    def _tables(self, kind: str) -> dict[str, Float[np.ndarray, "i n"]]:
        names = self.lines[0]["candidates"][0][kind]
        return {name: self._table(lambda candidate, name=name: candidate[kind][name]) for name in names}
