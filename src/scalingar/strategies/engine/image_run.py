"""One image's search, its rows in the live batch, and the record of its trajectories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.core.errors import ConfigError, DecodingError, sentence
from scalingar.core.outputs import Candidate, Cut
from scalingar.policy.termination import NOT_A_NUMBER
from scalingar.profile.rounding import first_largest
from scalingar.rewards.rank_sum import asks_verifier
from scalingar.strategies.engine.host_reads import Receive
from scalingar.strategies.engine.lineage import Lineage
from scalingar.strategies.engine.observers import DRAWN, Observer, ScaleObserver, Statistics, TokenObserver
from scalingar.strategies.engine.order import Manner, Order
from scalingar.strategies.engine.prefix_reading import PrefixReading
from scalingar.strategies.engine.sound_decision import sound_decision
from scalingar.strategies.engine.trace_record import TraceRecord
from scalingar.strategies.search import Candidates, Columns, Decision, Search, Start, Step

Rows = Int[np.ndarray, " m"]


@dataclass(frozen=True)
class BatchView:
    """Access to the live batch, by its rows.

    ``logits``: raw logits of rows, by branch. ``states``: hidden states of rows. ``codes``: the codes of a row's first
    steps.
    """

    logits: Callable[[Rows], Float[Tensor, "c n *l v"]]
    states: Callable[[Rows], Float[Tensor, "n d"]]
    codes: Callable[[int, int], Tensor]


@dataclass
class StepLog:
    """The current step of an image, for its event; ``values`` are of ``indices``."""

    position: int = 0
    indices: list[int] = field(default_factory=list)
    cut: dict[int, str] = field(default_factory=dict)
    values: dict[str, Float[np.ndarray, " n"]] = field(default_factory=dict)


class ImageRun:
    """The run of one image.

    ``number``: of the image among those of the engine. ``manner``: of the order; equal ones are the same object.
    ``rows``: its rows in the live batch; ``indices``, ``positions``, ``scales``: trajectory, steps done and guidance
    scale of each; ``second_scales``: of the second prompt. ``pending``: trajectories that will join the batch later.
    ``candidates``: those that ended, by index.
    """

    def __init__(self, number: int, order: Order, manner: Manner) -> None:
        """Raises ConfigError if the strategy's settings do not fit the model; PromptError, see :class:`Order`."""
        self.number, self.order, self.manner = number, order, manner
        self.prompt, self.setting, self.looks = order.prompt, order.setting, order.looks
        self.second_prompt = order.second_prompt
        strategy, setting = order.strategy, self.setting
        self.search = strategy.search(setting)
        if setting.scales and self.search.decides_after and order.states and asks_verifier(strategy.needs().reward):
            raise ConfigError(
                f"{type(strategy).__name__} asks the reward {strategy.needs().reward} right after a scale, which a "
                "verifier of hidden states has not read then; take one that reads latents, or judge by the verifier."
            )
        alive = strategy.most_alive(setting)
        self._growth = alive if max(alive) > self.search.starts and not strategy.together else []
        """Trajectories at each step of a search that begins with fewer than it comes to."""
        self.lineage = Lineage()
        self.indices = [self.lineage.fresh() for _ in range(self.search.starts)]
        count = len(self.indices)
        self.rows: Rows = np.arange(count)
        self.positions: Rows = np.zeros(count, np.int64)
        self.scales: Float[np.ndarray, " n"] = np.full(count, setting.guidance_scale)
        self.second_scales: Float[np.ndarray, " n"] = np.ones(count)
        self.observer: Observer = ScaleObserver()
        if not setting.scales:
            self.observer = TokenObserver(strategy.profile, setting, count, strategy.needs().warmup)
        needs = strategy.needs()
        self.reading = PrefixReading(order.looks, order.prompt, count) if needs.verified else None
        self._values_always = asks_verifier(needs.reward)
        """Looks at prefixes ask for them, too."""
        self.record = TraceRecord(self.lineage, setting.total_steps, DRAWN)
        self.candidates: dict[int, Candidate] = {}
        self.pending = 0
        self.log = StepLog()
        self._statistics: Statistics | None = None
        self._step_positions: int | Rows = 0
        """Positions of the rows at the beginning of the step."""
        self._origin: Rows | None = None
        """The rows' numbers at the beginning of the step; None: unchanged."""
        self._decides_before = type(self.search).before_draw is not Search.before_draw
        self.decides_after = self.search.decides_after

    @property
    def done(self) -> bool:
        """No trajectory is live or pending."""
        return not self.indices and not self.pending

    @property
    def most_rows(self) -> int:
        """Rows that it has or waits for, or will have if that is more."""
        first = int(self.positions.min()) if len(self.positions) else 0
        return max(len(self.indices) + self.pending, *self._growth[first:], 0)

    def before_draw(self, statistics: Statistics, view: BatchView) -> tuple[Rows | None, Start]:
        """Observe the rows, ask the search, close those that end.

        Returns the rows that continue, in their new order, None if unchanged; and the trajectories to start.

        Raises:
            DecodingError: no row's logits are numbers, or the search cannot decide.
        """
        self._step_positions, self._origin, self._statistics = self._shared_position(), None, statistics
        self.log = StepLog(int(self.positions[0]), self.indices)
        values = self.observer.update(statistics, self._step_positions)
        self._record(values)
        # K is of both branches, and C of one alone where the profile is of the conditional distribution.
        valid = np.isfinite(values["C"]) & np.isfinite(values["K"])
        if not valid.all():
            self._apply(self._without_invalid(valid), view, drawn=False)
        if self.reading is not None:
            self.reading.read(partial(view.states, self.rows), self.positions)
        decision = None
        if self._decides_before and self.indices:
            decision = self._checked(self.search.before_draw(self._step(view)))
        self._record(self.observer.guided(self.scales))
        self._record(self._second())
        if decision is None:
            return self._origin, Start()
        self._record(decision.trace)
        self._apply(decision, view, drawn=False)
        return self._origin, decision.start

    def drawn(self, *, owns_all: bool) -> Receive:
        """The next code of every row is drawn; returns what records its log-probabilities, ``(2, rows of the batch)``.

        ``owns_all``: the image's rows are all rows of the batch.
        """
        write = partial(self._write, self.log, self._step_positions, self.indices, self._origin)
        rows = slice(None) if owns_all else self.rows
        self.positions = self.positions + 1
        return lambda log_p: write(dict(zip(DRAWN, log_p[:, rows], strict=True)))

    def after_draw(self, view: BatchView) -> tuple[Rows | None, Start]:
        """Ask the search, close the rows that end; returns as :meth:`before_draw`.

        Raises:
            DecodingError: the search cannot decide.
        """
        decision = self._checked(self.search.after_draw(self._step(view))) if self.decides_after else None
        if decision is None:
            return None, Start()
        self._record(decision.trace)
        return self._apply(decision, view, drawn=True), decision.start

    @property
    def complete(self) -> Bool[np.ndarray, " n"]:
        """Rows whose image is complete."""
        return self.positions == self.setting.total_steps

    def finish(self, view: BatchView) -> Rows:
        """Close the complete rows. Returns the rows of the live batch that become free."""
        complete = self.complete
        if not complete.any():
            return np.empty(0, np.int64)
        freed = self.rows[complete]
        for row in np.flatnonzero(complete).tolist():
            self._close(row, view, None)
        rest = np.flatnonzero(~complete)
        self._move(rest, [self.indices[row] for row in rest.tolist()])
        self.observer.select(rest)
        if self.reading is not None:
            self.reading.select(rest)
        self.search.follow(rest)
        return freed

    def enter(self, indices: Sequence[int], rows: Rows) -> None:
        """Pending trajectories join the live batch at ``rows``."""
        born = [self.lineage.born(index) for index in indices]
        if self.reading is not None:
            self.reading.extend(born)
        self.observer.extend([self.record.of(index, steps) for index, steps in zip(indices, born, strict=True)])
        self.search.follow(np.array([*range(len(self.indices)), *([-1] * len(indices))]))
        self.indices = [*self.indices, *indices]
        self.rows = np.concatenate([self.rows, rows])
        self.positions = np.concatenate([self.positions, born])
        self.scales = np.concatenate([self.scales, np.full(len(indices), self.setting.guidance_scale)])
        self.second_scales = np.concatenate([self.second_scales, np.ones(len(indices))])
        self.pending -= len(indices)

    def leading(self, view: BatchView) -> Candidate | None:
        """What the live trajectory of the highest confidence C has drawn so far, the first of equals.

        For between two steps; without signals and trace. None before the first draw.
        """
        last = [self.record.of(i, steps)["C"][-1:] for i, steps in zip(self.indices, self.positions, strict=True)]
        if not all(map(len, last)) or not last:
            return None
        row = int(first_largest(np.concatenate(last)))
        codes = view.codes(int(self.rows[row]), int(self.positions[row]))
        return Candidate(self.prompt, self.indices[row], codes, cut=None, signals={}, trace={})

    def so_far(self, view: BatchView | None) -> list[Candidate]:
        """All trajectories that have begun, in the order of their index: those that ended, and what the live ones have
        drawn, without signals.

        For between two steps. ``view``: of the batch, None if there is none.
        """
        live = [] if view is None else [self._under_way(row, view) for row in range(len(self.rows))]
        return sorted([*self.candidates.values(), *live], key=lambda candidate: candidate.index)

    def _under_way(self, row: int, view: BatchView) -> Candidate:
        """What a live row has drawn, between two steps."""
        index, position = self.indices[row], int(self.positions[row])
        born = self.lineage.born(index)
        return Candidate(
            prompt=self.prompt,
            index=index,
            codes=view.codes(int(self.rows[row]), position),
            cut=None,
            signals={},
            trace=self.record.of(index, position),
            parent=self.lineage.parent(index),
            born=born,
            inherited=self.setting.tokens_until(born),
        )

    @property
    def ended(self) -> list[Candidate]:
        """All trajectories that finished or were cut, ordered by index."""
        return [self.candidates[index] for index in sorted(self.candidates)]

    @property
    def finished(self) -> Candidates:
        """Those that finished."""
        return Candidates(lambda: [candidate for candidate in self.ended if candidate.finished], self.looks)

    def _shared_position(self) -> int | Rows:
        """The rows' position: a single number, or one per row if they differ."""
        first = int(self.positions[0])
        return first if (self.positions == first).all() else self.positions

    def _without_invalid(self, valid: np.ndarray) -> Decision:
        """Cut the rows whose logits are not numbers. Raises DecodingError where nothing else is left."""
        if not valid.any() and not self.pending and not len(self.finished):
            raise DecodingError(
                f"no trajectory of {self.prompt!r} is left at {self.setting.step_name} {self.log.position}: "
                f"{NOT_A_NUMBER} in every row; check the weights, their dtype and the guidance scale."
            )
        return Decision.of(np.flatnonzero(valid), len(valid), NOT_A_NUMBER)

    def _second(self) -> Columns:
        """The weights of the second prompt to record."""
        return {} if self.second_prompt is None else {"w": (self.second_scales - 1).astype(np.float32)}

    def _checked(self, decision: Decision | None) -> Decision | None:
        """In arrays of its own, its guidance scales in force. Raises DecodingError where it does not fit the rows."""
        if decision is None:
            return None
        recorded = {*self.log.values, *self.observer.guided(self.scales), *self._second()}
        reserved = recorded & set(getattr(decision, "trace", ()))
        try:
            if reserved:
                raise ValueError(f"its trace overwrites {min(reserved)!r}")
            decision = sound_decision(decision, len(self.indices))
            if decision.second_scale is not None and self.second_prompt is None:
                raise ValueError("second_scale is of a second prompt, and the strategy's needs() names no rewriter")
        except ValueError as error:
            raise DecodingError(
                f"{type(self.search).__name__} decided at {self.setting.step_name} {self.log.position} what does not "
                f"fit its {len(self.indices)} rows: {sentence(error)}"
            ) from None
        if decision.guidance_scale is not None:
            self.scales = decision.guidance_scale
        if decision.second_scale is not None:
            self.second_scales = decision.second_scale
        return decision

    def _step(self, view: BatchView) -> Step:
        assert self._statistics is not None  # set by before_draw
        return Step(
            positions=self.positions,
            indices=list(self.indices),
            statistics=self._statistics,
            profile=self.observer.profile,
            scales=self.scales,
            images=Candidates(
                lambda: [self._candidate(row, view, None) for row in range(len(self.indices))], self.looks
            ),
            read_logits=lambda: view.logits(self.rows),
            read_states=lambda: view.states(self.rows),
            read_values=partial(self._values, view),
            values_wait=self.reading is not None and self.reading.waits,
        )

    def _values(self, view: BatchView) -> Float[np.ndarray, " n"]:
        """See :meth:`Step.values`."""
        if self.reading is None:
            raise DecodingError("a search reads a verifier that its strategy's needs() does not ask for.")
        values = self._read_values(view)
        if not np.isfinite(values).all():
            raise DecodingError(
                f"at {self.setting.step_name} {self.log.position} the verifier's value of {self.prompt!r} is not a "
                "number; check the verifier and the model's dtype."
            )
        return values

    def _read_values(self, view: BatchView) -> Float[np.ndarray, " n"]:
        assert self.reading is not None
        pairs = zip(self.rows.tolist(), self.positions.tolist(), strict=True)
        return self.reading.values(self.positions, lambda: [view.codes(*pair) for pair in pairs])

    def _record(self, values: Columns) -> None:
        """Record values of the current rows in the traces and in the step's log."""
        if values:
            self._write(self.log, self._step_positions, self.indices, self._origin, values)

    def _write(
        self, log: StepLog, positions: int | Rows, indices: Sequence[int], origin: Rows | None, values: Columns
    ) -> None:
        self.record.add(positions, indices, values)
        if origin is None:
            log.values.update(values)
            return
        for name, column in values.items():
            logged = log.values[name] = np.full(len(log.indices), np.nan, np.float32)
            logged[origin[::-1]] = column[::-1]  # of several copies, the first

    def _apply(self, decision: Decision, view: BatchView, *, drawn: bool) -> Rows | None:
        """Close the rows that end and number the copies; returns the continuing rows, None if unchanged."""
        rows, count = decision.rows, len(self.indices)
        for row, reason in enumerate(decision.reasons):
            if reason is not None:
                self.log.cut[self.indices[row]] = reason
                self._close(row, view, reason)
        if len(rows) == count and (rows == np.arange(count)).all():
            return None
        seen: set[int] = set()
        indices = [self._index_of(row, seen) for row in rows.tolist()]
        self._move(rows, indices)
        self.observer.select(rows)
        if self.reading is not None:
            self.reading.select(rows)
        self._statistics = None if self._statistics is None else self._statistics.select(rows)
        self._step_positions = (
            self._step_positions if isinstance(self._step_positions, int) else self._step_positions[rows]
        )
        self._origin = rows if self._origin is None else self._origin[rows]
        if not drawn and len(seen) < len(rows):
            # Copies have the values of what they are copies of; the step's log is of the rows as they were.
            values = {name: column[self._origin] for name, column in self.log.values.items()}
            self.record.add(self._step_positions, self.indices, values)
        self.search.follow(rows)
        return rows

    def _index_of(self, row: int, seen: set[int]) -> int:
        """The row's index at its first occurrence, a new child's at later ones."""
        if row not in seen:
            seen.add(row)
            return self.indices[row]
        return self.lineage.child(self.indices[row], int(self.positions[row]))

    def _move(self, rows: Rows, indices: list[int]) -> None:
        self.indices = indices
        self.rows, self.positions = self.rows[rows], self.positions[rows]
        self.scales, self.second_scales = self.scales[rows], self.second_scales[rows]

    def _close(self, row: int, view: BatchView, reason: str | None) -> None:
        candidate = self._candidate(row, view, reason)
        self.candidates[candidate.index] = candidate

    def _candidate(self, row: int, view: BatchView, reason: str | None) -> Candidate:
        index, position = self.indices[row], int(self.positions[row])
        step = self._step_positions if isinstance(self._step_positions, int) else int(self._step_positions[row])
        trace = self.record.of(index, step + 1)
        codes = view.codes(int(self.rows[row]), position)
        born = self.lineage.born(index)
        signals = self.observer.signals(trace, position, codes.numel())
        if self.reading is not None and (
            self._values_always or position == self.setting.total_steps or self.reading.knows(self.positions)
        ):
            signals["verifier"] = float(self._read_values(view)[row])
        return Candidate(
            prompt=self.prompt,
            index=index,
            codes=codes,
            cut=None if reason is None else Cut(position, reason),
            signals=signals,
            trace=trace,
            parent=self.lineage.parent(index),
            born=born,
            inherited=self.setting.tokens_until(born),
        )
