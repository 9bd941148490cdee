"""One prompt's search, the rows it has in the live batch, and the record of its trajectories."""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from scalingar.errors import DecodingError
from scalingar.outputs import Candidate, Cut
from scalingar.profile.signals import signals
from scalingar.strategies.base import Decision, Setting, Step, Strategy

_DRAWN = ("log_p", "log_p_null")


@dataclass
class PromptRun:
    """``number``: the prompt's place in the call. ``rows``: where in the live batch its trajectories stand (CPU)."""

    number: int
    prompt: str
    setting: Setting
    strategy: Strategy
    live: list[int] = field(init=False)
    """Which trajectories are alive, in the order of ``rows``."""
    scale: Float[Tensor, " n"] = field(init=False)
    rows: Int[Tensor, " n"] = field(init=False)
    candidates: dict[int, Candidate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = self.strategy.num_trajectories
        self.search = self.strategy.search(self.setting)
        self.live = list(range(count))
        self.scale = torch.full((count,), self.setting.guidance_scale)
        self._names: list[str] = []
        self._records: list[tuple[list[int], NDArray[np.float32]]] = []
        self._kept = np.arange(count)

    def observe(self, step: Step, codes: Int[Tensor, "b t"]) -> Decision:
        """Ask the search about this prompt's rows, record what it saw, and close those it gives up.

        ``codes`` are those of the whole live batch.
        """
        decision = self.search.observe(step)
        self._record({**decision.trace, "deepconf": step.statistics.deepconf})
        for place, reason in enumerate(decision.reasons):
            if reason is not None:
                self._close(place, codes[self.rows[place], : step.position], reason)
        if len(decision.rows) == 0:
            raise DecodingError(
                f"no trajectory of {self.prompt!r} is left at step {step.position}: "
                f"{decision.reasons[0]} in every row. Check the weights and their dtype."
            )
        self._kept = decision.rows.numpy()
        if len(decision.rows) != len(self.live) or any(decision.reasons):
            self.live = [self.live[row] for row in self._kept]
            self.rows = self.rows[decision.rows]
        self.scale = decision.guidance_scale[decision.rows]
        return decision

    def after_draw(self, log_p: Float[np.ndarray, "2 n"]) -> None:
        """Note ln p(x_t|c) and ln p(x_t|∅) of the codes drawn for the rows that went on."""
        self._records[-1][1][-len(_DRAWN) :, self._kept] = log_p

    def finish(self, codes: Int[Tensor, "n t"]) -> None:
        """All live rows of this prompt reached their last code."""
        for place in range(len(self.live)):
            self._close(place, codes[place], None)
        self.live = []

    def _record(self, trace: dict[str, Float[np.ndarray, " n"]]) -> None:
        self._names = [*trace, *_DRAWN]
        table = np.full((len(self._names), len(self.live)), np.nan, np.float32)
        for place, values in enumerate(trace.values()):
            table[place] = values
        self._records.append((self.live, table))

    def _close(self, place: int, codes: Tensor, reason: str | None) -> None:
        index = self.live[place]
        trace = self._trace_of(index)
        self.candidates[index] = Candidate(
            prompt=self.prompt,
            index=index,
            codes=codes.cpu().clone(),
            cut=None if reason is None else Cut(len(codes), reason),
            signals=signals(trace, len(codes)),
            trace=trace,
        )

    def _trace_of(self, index: int) -> dict[str, NDArray[np.float32]]:
        columns = [table[:, who.index(index)] for who, table in self._records if index in who]
        return dict(zip(self._names, np.stack(columns, axis=1), strict=True))
