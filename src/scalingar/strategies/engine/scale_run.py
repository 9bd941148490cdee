"""One prompt's search on a next-scale model, the record of its trajectories, and who descends from whom."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from scalingar.core.errors import DecodingError
from scalingar.core.outputs import Candidate, Cut
from scalingar.profile.scales import ScaleStatistics, scale_signals
from scalingar.strategies.engine.judging import Judge
from scalingar.strategies.scale_search import ScaleDecision, ScaleStep
from scalingar.strategies.strategy import NOT_A_NUMBER, Setting, Strategy

Trace = dict[str, NDArray[np.float32]]


@dataclass
class ScaleRun:
    """``number``: the prompt's place in the call. A copy made by resampling gets an index of its own."""

    number: int
    prompt: str
    setting: Setting
    strategy: Strategy
    judge: Judge
    groups: int
    """Codes per token."""
    live: list[int] = field(init=False)
    """Which trajectories are alive, in the order of the prompt's rows."""
    candidates: dict[int, Candidate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.search = self.strategy.scale_search(self.setting)
        self.live = list(range(self.search.starts))
        self._made = self.search.starts
        self._births: dict[int, tuple[int, int]] = {}
        self._records: list[tuple[list[int], Trace]] = []

    def observe(
        self,
        scale: int,
        statistics: ScaleStatistics,
        codes: Int[Tensor, "n c"],
    ) -> tuple[ScaleDecision, list[str | None]]:
        """Ask the search about the prompt's rows once ``scale`` is drawn; ``codes`` are all that they have drawn.

        Returns the decision on all of the rows, and why each of them does not go on.

        Raises:
            DecodingError: no row's logits are numbers, or the search can decide nothing.
        """
        self._records.append((list(self.live), statistics.trace()))
        sound = np.flatnonzero(np.isfinite(statistics.confidence))
        if len(sound) == 0:
            raise DecodingError(
                f"no trajectory of {self.prompt!r} is left at scale {scale}: {NOT_A_NUMBER} in every row. "
                "Check the weights and their dtype."
            )
        if len(sound) < len(self.live):
            self.search.follow(sound)
        decision = self.search.observe(self._step(scale, statistics, codes, sound))
        self.search.follow(decision.rows)
        decision = self._widened(decision, sound)
        self._records[-1][1].update(decision.trace)
        return decision, self._reasons(decision, sound)

    def go_on(self, decision: ScaleDecision, reasons: list[str | None], codes: Int[Tensor, "n c"], scale: int) -> None:
        """Close the rows that were given up, and give every second copy of a row a name."""
        before = self._codes_before(scale)
        for place, reason in enumerate(reasons):
            if reason is not None:
                # What a broken row drew last means nothing.
                drawn = codes[place, :before] if reason == NOT_A_NUMBER else codes[place]
                self._close(place, drawn, Cut(scale + (reason != NOT_A_NUMBER), reason))
        taken: set[int] = set()
        names = []
        for row in decision.rows.tolist():
            names.append(self._copy(row, scale + 1) if row in taken else self.live[row])
            taken.add(row)
        self.live = names

    def finish(self, codes: Int[Tensor, "n c"]) -> None:
        """All live rows have drawn their last scale."""
        for place in range(len(self.live)):
            self._close(place, codes[place], None)
        self.live = []

    def _step(
        self, scale: int, statistics: ScaleStatistics, codes: Int[Tensor, "n c"], sound: Int[np.ndarray, " m"]
    ) -> ScaleStep:
        """What the search sees: the sound rows; their pictures are made at most once, if it asks."""

        @cache
        def partial() -> tuple[Candidate, ...]:
            return tuple(self._candidate(int(place), codes[place], None) for place in sound)

        return ScaleStep(
            scale=scale,
            indices=[self.live[place] for place in sound],
            statistics=statistics.select(torch.from_numpy(sound)),
            rewards=lambda: self.judge.score(list(partial())),
            features=lambda: self.judge.describe(list(partial())),
        )

    def _widened(self, decision: ScaleDecision, sound: Int[np.ndarray, " m"]) -> ScaleDecision:
        """A decision on the sound rows as one on all rows, NaN in the traces of the others."""
        trace = {}
        for name, values in decision.trace.items():
            trace[name] = np.full(len(self.live), np.nan, np.float32)
            trace[name][sound] = values
        return ScaleDecision(sound[decision.rows], decision.reason, trace)

    def _reasons(self, decision: ScaleDecision, sound: Int[np.ndarray, " m"]) -> list[str | None]:
        reasons: list[str | None] = [NOT_A_NUMBER] * len(self.live)
        for place in sound:
            reasons[place] = decision.reason
        for place in decision.rows:
            reasons[place] = None
        return reasons

    def _copy(self, row: int, born: int) -> int:
        name = self._made
        self._made += 1
        self._births[name] = (self.live[row], born)
        return name

    def _close(self, place: int, codes: Int[Tensor, " c"], cut: Cut | None) -> None:
        candidate = self._candidate(place, codes, cut)
        self.candidates[candidate.index] = candidate

    def _candidate(self, place: int, codes: Int[Tensor, " c"], cut: Cut | None) -> Candidate:
        index = self.live[place]
        trace = self._trace_of(index)
        parent, born = self._births.get(index, (None, 0))
        return Candidate(
            prompt=self.prompt,
            index=index,
            codes=codes.view(-1, self.groups).cpu().clone(),
            cut=cut,
            signals=scale_signals(trace, len(codes)),
            trace=trace,
            parent=parent,
            born=born,
            inherited=self._codes_before(born) // self.groups,
        )

    def _trace_of(self, index: int) -> Trace:
        """Values of every scale so far, a copy's own and before those its ancestors'."""
        columns: list[dict[str, float]] = []
        for who, table in reversed(self._records):
            while index not in who:
                index = self._births[index][0]
            place = who.index(index)
            columns.insert(0, {name: float(values[place]) for name, values in table.items()})
        names = dict.fromkeys(name for column in columns for name in column)
        return {name: np.array([column.get(name, np.nan) for column in columns], np.float32) for name in names}

    def _codes_before(self, scale: int) -> int:
        return sum(h * w for h, w in self.setting.scales[:scale]) * self.groups
