"""The live batch: which rows belong to which image, and which are free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import DecodingError
from scalingar.decoding.trajectories import Trajectories
from scalingar.strategies.engine.image_run import BatchView, ImageRun
from scalingar.strategies.engine.parts import Part


class LiveBatch:
    """Rows of several images being decoded together.

    ``runs``: images with rows in the batch. ``free``: rows without an image, kept for waiting ones; their decoding is
    ignored.
    """

    def __init__(self, trajectories: Trajectories, groups: int) -> None:
        """``groups``: codes per token of a next-scale model, 0 for a next-token model."""
        self.trajectories = trajectories
        self.runs: list[ImageRun] = []
        self.free: list[int] = []
        self._groups = groups
        self._ascending: tuple[Int[np.ndarray, " m"], bool] | None = None
        """The last rows that were all of the batch, and whether they are in order; arrays of rows do not change."""
        self._copied: tuple[torch.Tensor, torch.Tensor] | None = None
        """Positions, and the codes that rows at these positions have, on the host."""

    def __len__(self) -> int:
        return len(self.trajectories)

    @property
    def view(self) -> BatchView:
        """Access by rows; made anew each time, so that the batch and its memory go when nobody uses them."""
        return BatchView(self._logits, self._states, self._codes)

    @property
    def lockstep(self) -> bool:
        """Whether all rows must be at the same position."""
        return self.trajectories.cache.lockstep

    @property
    def position(self) -> int:
        """Position of the first image's rows; in lockstep, of all rows."""
        return int(self.runs[0].positions[0])

    def scales(self, base: float) -> Float[np.ndarray, "*p n"]:
        """The guidance scale of every row, with a third branch both, ``(2, n)``; free rows have the base scale."""
        if len(self.runs) == 1 and self.owns_all(self.runs[0]):
            scales, second = self.runs[0].scales, self.runs[0].second_scales
        else:
            scales, second = np.full(len(self), base), np.ones(len(self))
            for run in self.runs:
                scales[run.rows], second[run.rows] = run.scales, run.second_scales
        return scales if len(self.trajectories.branches) < 3 else np.stack([scales, second])

    def owns_all(self, run: ImageRun) -> bool:
        """Whether the image's rows are all rows of the batch, in order."""
        if len(run.rows) != len(self):
            return False
        if self._ascending is None or self._ascending[0] is not run.rows:
            self._ascending = run.rows, bool((run.rows[:-1] < run.rows[1:]).all())
        return self._ascending[1]

    def parts(self) -> list[Part]:
        """The rows by manner; free rows are with the first."""
        by_manner: dict[int, list[ImageRun]] = {}
        for run in self.runs:
            by_manner.setdefault(id(run.manner), []).append(run)
        parts: list[Part] = []
        for runs in by_manner.values():
            rows = [run.rows for run in runs] + ([] if parts else [np.array(self.free, np.int64)])
            parts.append(Part(runs[0].order.decoder, runs[0].manner.profile, np.concatenate(rows)))
        return parts

    def add(self, run: ImageRun, indices: Sequence[int], rows: Sequence[int]) -> None:
        """Assign free or new rows of the batch to these trajectories of an image."""
        if indices == run.indices:  # its first rows
            run.rows = np.array(rows)
        else:
            run.enter(indices, np.array(rows))
        if run not in self.runs:
            self.runs.append(run)

    def release(self, rows: Sequence[int]) -> None:
        """Free these rows."""
        self.free += rows

    def give_up(self, run: ImageRun) -> None:
        """Free all rows of an image, which leaves."""
        if run in self.runs:
            self.runs.remove(run)
            self.release(run.rows.tolist())

    def drop_empty(self) -> None:
        """Remove images without rows."""
        self.runs = [run for run in self.runs if len(run.rows)]

    def compact(self, *, keep_free: bool) -> Int[np.ndarray, " m"] | None:
        """Copy forked rows and remove free ones; with ``keep_free`` these stay while nothing is forked.

        Returns the previous row of each row, None if nothing moved.
        """
        self.drop_empty()
        count = sum(len(run.rows) for run in self.runs)
        forked = count + len(self.free) > len(self)
        if not self.runs or (not forked and (not self.free or (keep_free and not self.lockstep))):
            return None
        size = self.trajectories.fitting(count)
        if not forked and size == len(self):
            return None
        rows, self.free = np.concatenate([run.rows for run in self.runs]), list(range(count, size))
        ends = np.cumsum([len(run.rows) for run in self.runs])
        for run, part in zip(self.runs, np.split(np.arange(count), ends[:-1]), strict=True):
            run.rows = part
        self.trajectories = self.trajectories.select(torch.from_numpy(rows), idle=size - count)
        names = [index for run in self.runs for index in run.indices]
        self.trajectories.indices[:count] = torch.tensor(names)
        return np.concatenate([rows, np.full(size - count, rows[0])])

    def fit(self) -> None:
        """Append free rows until the batch has a size that its cache decodes well."""
        count = len(self)
        idle = self.trajectories.fitting(count) - count
        if idle:
            self.trajectories = self.trajectories.select(torch.arange(count), idle=idle)
            self.free += range(count, count + idle)

    def insert(self, fresh: Trajectories) -> list[int]:
        """Insert another batch into free rows if there are enough, else append it. Returns its rows."""
        count = len(fresh)
        if count <= len(self.free) and not self.lockstep:
            rows, self.free = self.free[:count], self.free[count:]
            self.trajectories = self.trajectories.overwrite(torch.tensor(rows), fresh)
            self._copied = None
            return rows
        before = len(self)
        self.trajectories = self.trajectories.join(fresh)
        return list(range(before, before + count))

    def check(self) -> None:
        """Raises AssertionError unless rows, images, positions and cache agree; tests call it after each step."""
        owned = [row for run in self.runs for row in run.rows.tolist()]
        assert sorted([*owned, *self.free]) == list(range(len(self))), "every row has one owner or is free"
        assert self.trajectories.cache.rows == len(self.trajectories.logits), "a row of cache for each branch"
        for run in self.runs:
            assert len(run.indices) == len(set(run.indices)) == len(run.rows) == len(run.positions) == len(run.scales)
            rows = torch.from_numpy(run.rows)
            assert self.trajectories.positions[rows].tolist() == run.positions.tolist(), "rows and images agree"
            assert self.trajectories.indices[rows].tolist() == run.indices, "indices agree"
            assert not set(run.indices) & run.candidates.keys(), "ended rows are gone"
        if self.lockstep:
            assert len({*self.trajectories.positions.tolist()}) == 1, "in lockstep"

    def _logits(self, rows: Int[np.ndarray, " m"]) -> torch.Tensor:
        branches = self.trajectories.branches
        return branches[:, to_device(torch.from_numpy(rows), branches.device)]

    def _states(self, rows: Int[np.ndarray, " m"]) -> torch.Tensor:
        states = self.trajectories.states
        if states is None:
            raise DecodingError("a search reads hidden states that its strategy's needs() does not ask for.")
        return states[to_device(torch.from_numpy(rows), states.device)]

    def _codes(self, row: int, steps: int) -> torch.Tensor:
        codes = self._codes_on_host()[row, : self.trajectories.codes_until(steps)].clone()
        return codes.view(-1, self._groups) if self._groups else codes

    def _codes_on_host(self) -> torch.Tensor:
        """The codes drawn so far, which cross once for all rows that are asked for between two draws."""
        live = self.trajectories
        if live.codes.device.type == "cpu":
            return live.codes
        if self._copied is None or self._copied[0] is not live.positions:
            drawn = live.codes_until(int(live.positions.max()))
            self._copied = live.positions, live.codes[:, :drawn].cpu()
        return self._copied[1]
