"""One image's search, its rows in the live batch, and the record of its trajectories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.errors import DecodingError
from scalingar.core.outputs import Candidate, Cut
from scalingar.policy.termination import NOT_A_NUMBER
from scalingar.strategies.engine.lineage import Lineage
from scalingar.strategies.engine.observers import DRAWN, ScaleWatch, Statistics, TokenWatch, Watch
from scalingar.strategies.engine.sound_decision import sound_decision
from scalingar.strategies.engine.trace_record import TraceRecord
from scalingar.strategies.search import Candidates, Columns, Decision, Looks, Search, Start, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import Strategy

Rows = Int[np.ndarray, " m"]


@dataclass(frozen=True)
class BatchView:
    """What an image may read of the live batch, by the places of its rows there.

    ``logits``: raw ones of some rows, branch by branch. ``codes``: of one row, those of its first steps.
    """

    logits: Callable[[Rows], Float[Tensor, "c n *l v"]]
    codes: Callable[[int, int], Tensor]


@dataclass
class StepLog:
    """What happened to an image in the step under way, for those who watch; ``values`` are of ``indices``."""

    position: int = 0
    indices: list[int] = field(default_factory=list)
    cut: dict[int, str] = field(default_factory=dict)
    values: dict[str, Float[np.ndarray, " n"]] = field(default_factory=dict)


class ImageRun:
    """``number``: the image's place in the call. ``rows``: where in the live batch its trajectories stand.

    ``indices``: which trajectories they are; ``positions``: steps each has made; ``scales``: at which each is guided.
    ``pending``: trajectories that will join the batch later. ``candidates``: those that ended, by their index.
    """

    def __init__(self, number: int, prompt: str, setting: Setting, strategy: Strategy, looks: Looks) -> None:
        self.number, self.prompt, self.setting, self.looks = number, prompt, setting, looks
        self.search = strategy.search(setting)
        self.lineage = Lineage()
        self.indices = [self.lineage.fresh() for _ in range(self.search.starts)]
        count = len(self.indices)
        self.rows: Rows = np.arange(count)
        self.positions: Rows = np.zeros(count, np.int64)
        self.scales: Float[np.ndarray, " n"] = np.full(count, setting.guidance_scale)
        self.watch: Watch = ScaleWatch()
        if not setting.scales:
            self.watch = TokenWatch(strategy.profile, setting, count, strategy.needs().history)
        self.record = TraceRecord(self.lineage, setting.total_steps, DRAWN)
        self.candidates: dict[int, Candidate] = {}
        self.pending = 0
        self.log = StepLog()
        self._statistics: Statistics | None = None
        self._noting: int | Rows = 0
        """Where the rows stood when the step began."""
        self._origin: Rows | None = None
        """Which rows of the step's beginning the rows are now; None: the same."""
        self._decides_before = type(self.search).before_draw is not Search.before_draw
        self._decides_after = type(self.search).after_draw is not Search.after_draw

    @property
    def done(self) -> bool:
        """No trajectory is under way."""
        return not self.indices and not self.pending

    def before_draw(self, statistics: Statistics, view: BatchView) -> tuple[Rows | None, Start]:
        """Watch the rows, ask the search, close those that end.

        Returns which rows go on, in their new order, None for all as they are; and what is to be added.

        Raises:
            DecodingError: no row's logits are numbers, or the search can decide nothing.
        """
        self._noting, self._origin, self._statistics = self._at(), None, statistics
        self.log = StepLog(int(self.positions[0]), self.indices)
        seen = self.watch.update(statistics, self._noting)
        self._note(seen)
        sound = np.isfinite(seen["C"])
        if not sound.all():
            self._apply(self._without_broken(sound), view, drawn=False)
        decision = None
        if self._decides_before and self.indices:
            decision = self._checked(self.search.before_draw(self._step(view)))
        self._note(self.watch.guided(self.scales))
        if decision is None:
            return self._origin, Start()
        self._note(decision.trace)
        self._apply(decision, view, drawn=False)
        return self._origin, decision.start

    def after_draw(self, log_p: Float[np.ndarray, "2 n"], view: BatchView) -> tuple[Rows | None, Start]:
        """Note what was drawn for the rows that went on, ask the search, close those that end; see before_draw.

        Raises:
            DecodingError: the search can decide nothing.
        """
        self._note(dict(zip(DRAWN, log_p, strict=True)))
        self.positions = self.positions + 1
        decision = self._checked(self.search.after_draw(self._step(view))) if self._decides_after else None
        if decision is None:
            return None, Start()
        self._note(decision.trace)
        return self._apply(decision, view, drawn=True), decision.start

    def finish(self, view: BatchView) -> Rows:
        """Close the rows that have drawn their last code. Returns the places they leave in the live batch."""
        complete = self.positions == self.setting.total_steps
        if not complete.any():
            return np.empty(0, np.int64)
        left = self.rows[complete]
        for row in np.flatnonzero(complete).tolist():
            self._close(row, view, None)
        going = np.flatnonzero(~complete)
        self._move(going, [self.indices[row] for row in going.tolist()])
        self.watch.select(going)
        self.search.follow(going)
        return left

    def enter(self, indices: Sequence[int], places: Rows) -> None:
        """Trajectories that were pending stand at ``places`` of the live batch from now on."""
        born = [self.lineage.born(index) for index in indices]
        self.watch.extend([self.record.of(index, steps) for index, steps in zip(indices, born, strict=True)])
        self.search.follow(np.array([*range(len(self.indices)), *([-1] * len(indices))]))
        self.indices = [*self.indices, *indices]
        self.rows = np.concatenate([self.rows, places])
        self.positions = np.concatenate([self.positions, born])
        self.scales = np.concatenate([self.scales, np.full(len(indices), self.setting.guidance_scale)])
        self.pending -= len(indices)

    @property
    def ended(self) -> list[Candidate]:
        """All trajectories that finished or were cut, in the order of their index."""
        return [self.candidates[index] for index in sorted(self.candidates)]

    @property
    def finished(self) -> Candidates:
        """Those that finished."""
        return Candidates(lambda: [candidate for candidate in self.ended if candidate.finished], self.looks)

    def _at(self) -> int | Rows:
        """Where the rows stand: one number, or one each where they differ."""
        first = int(self.positions[0])
        return first if (self.positions == first).all() else self.positions

    def _without_broken(self, sound: np.ndarray) -> Decision:
        """Only rows whose logits are numbers can go on. Raises DecodingError where nothing else is left."""
        if not sound.any() and not self.pending and not len(self.finished):
            raise DecodingError(
                f"no trajectory of {self.prompt!r} is left at {self.setting.step_name} {self.log.position}: "
                f"{NOT_A_NUMBER} in every row. Check the weights and their dtype."
            )
        return Decision.of(np.flatnonzero(sound), len(sound), NOT_A_NUMBER)

    def _checked(self, decision: Decision | None) -> Decision | None:
        """In arrays of its own, its guidance scales in force. Raises DecodingError where it does not fit the rows."""
        if decision is None:
            return None
        reserved = set(self.log.values) & set(getattr(decision, "trace", ()))
        try:
            if reserved:
                raise ValueError(f"its trace overwrites {min(reserved)!r}")
            decision = sound_decision(decision, len(self.indices))
        except ValueError as error:
            raise DecodingError(
                f"{type(self.search).__name__} decided at {self.setting.step_name} {self.log.position} what does not "
                f"fit its {len(self.indices)} rows: {error}."
            ) from None
        if decision.guidance_scale is not None:
            self.scales = decision.guidance_scale
        return decision

    def _step(self, view: BatchView) -> Step:
        assert self._statistics is not None  # set by before_draw
        return Step(
            positions=self.positions,
            indices=list(self.indices),
            statistics=self._statistics,
            profile=self.watch.profile,
            scales=self.scales,
            images=Candidates(
                lambda: [self._candidate(row, view, None) for row in range(len(self.indices))], self.looks
            ),
            read_logits=lambda: view.logits(self.rows),
        )

    def _note(self, values: Columns) -> None:
        """Record values of the rows as they are now, and show them to who watches the step."""
        if not values:
            return
        self.record.note(self._noting, self.indices, values)
        if self._origin is None:
            self.log.values.update(values)
            return
        for name, column in values.items():
            shown = self.log.values[name] = np.full(len(self.log.indices), np.nan, np.float32)
            shown[self._origin[::-1]] = column[::-1]  # of several copies, the first

    def _apply(self, decision: Decision, view: BatchView, *, drawn: bool) -> Rows | None:
        """Close the rows that end and name the copies; returns which rows go on, None for all as they are."""
        rows, count = decision.rows, len(self.indices)
        for row, reason in enumerate(decision.reasons):
            if reason is not None:
                self.log.cut[self.indices[row]] = reason
                self._close(row, view, reason)
        if len(rows) == count and (rows == np.arange(count)).all():
            return None
        seen: set[int] = set()
        indices = [self._named(row, seen) for row in rows.tolist()]
        self._move(rows, indices)
        self.watch.select(rows)
        self._statistics = None if self._statistics is None else self._statistics.select(rows)
        self._noting = self._noting if isinstance(self._noting, int) else self._noting[rows]
        self._origin = rows if self._origin is None else self._origin[rows]
        if not drawn and len(seen) < len(rows):
            self._note({name: values[self._origin] for name, values in self.log.values.items()})
        self.search.follow(rows)
        return rows

    def _named(self, row: int, seen: set[int]) -> int:
        """The row's own index where it goes on, that of a new copy where it did so already."""
        if row not in seen:
            seen.add(row)
            return self.indices[row]
        return self.lineage.child(self.indices[row], int(self.positions[row]))

    def _move(self, rows: Rows, indices: list[int]) -> None:
        self.indices = indices
        self.rows, self.positions, self.scales = self.rows[rows], self.positions[rows], self.scales[rows]

    def _close(self, row: int, view: BatchView, reason: str | None) -> None:
        candidate = self._candidate(row, view, reason)
        self.candidates[candidate.index] = candidate

    def _candidate(self, row: int, view: BatchView, reason: str | None) -> Candidate:
        index, position = self.indices[row], int(self.positions[row])
        begun = self._noting if isinstance(self._noting, int) else int(self._noting[row])
        trace = self.record.of(index, begun + 1)
        codes = view.codes(int(self.rows[row]), position)
        born = self.lineage.born(index)
        return Candidate(
            prompt=self.prompt,
            index=index,
            codes=codes,
            cut=None if reason is None else Cut(position, reason),
            signals=self.watch.signals(trace, position, codes.numel()),
            trace=trace,
            parent=self.lineage.parent(index),
            born=born,
            inherited=self.setting.tokens_until(born),
        )
