"""Judged runs as arrays; among them complete runs, from which other strategies can be computed."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, Float, Int

from scalingar.analysis.runs.trace_files import TraceFiles, traces_of
from scalingar.bench.runs.examination import check_lines, read_receipts
from scalingar.bench.runs.parts.part import check_no_part
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.receipts import Receipt
from scalingar.bench.runs.results import RESULTS
from scalingar.bench.runs.store import RunStore
from scalingar.core.errors import BenchmarkError
from scalingar.profile.profile_config import ProfileConfig
from scalingar.strategies import ScalingAR


@dataclass(frozen=True)
class TracedRun:
    """A finished run of ``i`` images with ``n`` trajectories of ``t`` steps each.

    ``lines``: its ``samples.jsonl``, one line per image. All arrays have the images on their first axis, in this order.
    """

    folder: Path
    plan: RunPlan
    lines: list[dict[str, Any]] = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a run's folder. Raises BenchmarkError: it is a part, not finished, not judged, or computed."""
        plan = RunPlan.read(folder)
        if plan.derived_from is not None:
            raise BenchmarkError(f"{folder} was computed from the run {plan.derived_from['run']}; analyse that run.")
        if not plan.all_candidates:
            raise BenchmarkError(f"{folder} judged only what it chose; run it again with 'bench run --all-candidates'.")
        if not (folder / RESULTS).exists():
            check_no_part(folder)
            raise BenchmarkError(f"{folder} is not finished ({RESULTS} is missing); resume it with 'bench run'.")
        run = cls(folder, plan, RunStore(folder).samples())
        check_lines(folder)
        run._check_shards()
        run.check()
        return run

    def check(self) -> None:
        """Raises BenchmarkError for a run that cannot be used; subclasses say which."""

    def _check_shards(self) -> None:
        """Raises BenchmarkError unless there is a receipt of every shard."""
        shards = 1 if self.packed else -(-self.images // self.plan.shard)
        if sorted(self.receipts) != list(range(shards)) or not self.lines:
            raise BenchmarkError(
                f"{self.folder} is not finished (some shards are missing); resume it with 'bench run'."
            )

    @cached_property
    def receipts(self) -> dict[int, Receipt]:
        """What was written, by shard."""
        return read_receipts(self.folder)

    @property
    def packed(self) -> bool:
        """Whether only its lines were kept, as one shard."""
        return not any(receipt.files for receipt in self.receipts.values())

    @property
    def traced(self) -> bool:
        """Whether traces were written: runs of next-token models without a preview have them, if not packed."""
        return any(traces_of(receipt) for receipt in self.receipts.values())

    @cached_property
    def traces(self) -> TraceFiles:
        """Its step-wise values. Raises BenchmarkError if there are none, or if they are damaged."""
        if not self.traced:
            raise BenchmarkError(
                f"{self.folder} has no traces; only runs of next-token models have them, of those without a preview."
            )
        return TraceFiles.of(self.folder, self.receipts, images=len(self.lines))

    @property
    def name(self) -> str:
        """The folder's name, which is the strategy's label."""
        return self.folder.resolve().name

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.lines)

    @property
    def trajectories(self) -> int:
        """Trajectories per image, N."""
        return self.plan.recipe.strategy.num_trajectories

    @property
    def steps(self) -> int:
        """Steps per trajectory, T."""
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
        numbers = {key: number for number, key in enumerate(dict.fromkeys(self.prompts))}
        return np.array([numbers[key] for key in self.prompts])

    @cached_property
    def tasks(self) -> list[str]:
        """The task of each image."""
        return [line["task"] for line in self.lines]

    @cached_property
    def total(self) -> Float[np.ndarray, " i"]:
        """Points that each image could earn."""
        return np.array([line["verdict"]["total"] for line in self.lines], dtype=np.float64)

    @cached_property
    def points(self) -> Float[np.ndarray, "i n"]:
        """Points of every candidate; NaN for those that were cut, which are not judged.

        Raises BenchmarkError: the judge gave no answer about some.
        """
        verdicts = [candidate["verdict"] or {} for line in self.lines for candidate in line["candidates"]]
        silent = sum(verdict.get("total") == 0 for verdict in verdicts)
        if silent:
            raise BenchmarkError(
                f"the judge gave no answer about {silent} of the run's {len(verdicts)} images, so that it is not known "
                "what other choices would have scored; 'analyze derive' leaves them out of each strategy's own score."
            )
        return self._table(lambda candidate: (candidate["verdict"] or {}).get("points"))

    @cached_property
    def correct(self) -> Bool[np.ndarray, "i n"]:
        """Whether each candidate earned all points."""
        return (self.points == self.total[:, None]) & (self.total[:, None] > 0)

    @cached_property
    def chosen(self) -> Int[np.ndarray, " i"]:
        """Index of the trajectory whose image was handed out, per image."""
        return np.array([line["chosen"] for line in self.lines])

    def _table(self, read: Any) -> Float[np.ndarray, "i n"]:
        """A number for every candidate; NaN for None."""
        return np.array([[read(candidate) for candidate in line["candidates"]] for line in self.lines], np.float64)


@dataclass(frozen=True)
class CompleteRun(TracedRun):
    """A run in which every trajectory was finished at the base guidance scale and judged."""

    def check(self) -> None:
        """Raises BenchmarkError: guidance was scheduled, or trajectories were cut or not judged."""
        strategy = self.plan.recipe.strategy
        if isinstance(strategy, ScalingAR) and strategy.guidance.enabled:
            raise BenchmarkError(
                f"{self.folder} scheduled the guidance scale, and other scales draw other images; "
                "give a run at a fixed scale, such as one of best-of-n."
            )
        counts = {len(line["candidates"]) for line in self.lines}
        if counts != {strategy.num_trajectories}:
            raise BenchmarkError(
                f"{self.folder} has images with {', '.join(map(str, sorted(counts)))} trajectories where its plan has "
                f"{strategy.num_trajectories}; give a run that completes all, such as one of best-of-n."
            )
        if cut := sum(candidate["cut"] is not None for line in self.lines for candidate in line["candidates"]):
            raise BenchmarkError(
                f"{self.folder} is not complete: {cut} of its trajectories were cut; give a run that completes all, "
                "such as one of best-of-n."
            )
        if any(candidate["verdict"] is None for line in self.lines for candidate in line["candidates"]):
            raise BenchmarkError(f"{self.folder} holds images that were not judged; run it again.")

    def recorded_confidence_of(self, n: int) -> bool:
        """Whether the confidence in its lines is that of ``n`` trajectories; of one there is nothing to choose.

        That of a next-token model has windows, which may be pooled over all trajectories of an image.
        """
        windows = (self.profile.block_window, self.profile.conditional_window)
        return "pooled" not in windows or n in (1, self.plan.recipe.strategy.num_trajectories) or self._next_scale

    @cached_property
    def _next_scale(self) -> bool:
        """Whether it has neither traces nor previews though it has pictures."""
        ledgers = [costs["ledger"] for costs in RunStore(self.folder).costs()]
        previews = any(ledger.get("preview_tokens") is not None for ledger in ledgers)
        return not (self.packed or self.traced or previews)

    @cached_property
    def tokens_per_trajectory(self) -> int:
        """Tokens of a finished trajectory."""
        return int(self.lines[0]["candidates"][0]["tokens"])

    @cached_property
    def rewards(self) -> dict[str, Float[np.ndarray, "i n"]]:
        """Recorded rewards of every candidate, by name."""
        return self._tables("rewards")

    @cached_property
    def signals(self) -> dict[str, Float[np.ndarray, "i n"]]:
        """Recorded signals of every finished trajectory, by name."""
        return self._tables("signals")

    def _tables(self, kind: str) -> dict[str, Float[np.ndarray, "i n"]]:
        names = self.lines[0]["candidates"][0][kind]
        return {name: self._table(lambda candidate, name=name: candidate[kind][name]) for name in names}
