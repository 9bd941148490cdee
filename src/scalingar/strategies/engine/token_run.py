"""One prompt's search, the rows it has in the live batch, and the record of its trajectories."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.errors import DecodingError
from scalingar.core.outputs import Candidate, Cut
from scalingar.profile.signals import signals
from scalingar.strategies.engine.trace_record import TraceRecord
from scalingar.strategies.strategy import Decision, Setting, Step, Strategy

_DRAWN = ("log_p", "log_p_null")


@dataclass
class PromptRun:
    """``number``: the prompt's place in the call. ``rows``: where in the live batch its trajectories stand."""

    number: int
    prompt: str
    setting: Setting
    strategy: Strategy
    live: list[int] = field(init=False)
    """Which trajectories are alive, in the order of ``rows``."""
    scale: Float[np.ndarray, " n"] = field(init=False)
    rows: Int[np.ndarray, " n"] = field(init=False)
    position: int = 0
    """Codes drawn for those that are alive."""
    candidates: dict[int, Candidate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = self.strategy.num_trajectories
        self.search = self.strategy.search(self.setting)
        self.live = list(range(count))
        self.scale = np.full(count, self.setting.guidance_scale, np.float32)
        self._record = TraceRecord(count, self.setting.total_steps, _DRAWN)

    def observe(self, step: Step, codes: Int[Tensor, "b t"]) -> Decision:
        """Ask the search about this prompt's rows, record what it saw, and close those it gives up.

        ``codes`` are those of the whole live batch.
        """
        decision = self.search.observe(step)
        self._record.note(step.position, self.live, {**decision.trace, "deepconf": step.statistics.deepconf})
        for place, reason in enumerate(decision.reasons):
            if reason is not None:
                self._close(place, codes[self.rows[place], : step.position], reason)
        if len(decision.rows) == 0:
            raise DecodingError(
                f"no trajectory of {self.prompt!r} is left at step {step.position}: "
                f"{decision.reasons[0]} in every row. Check the weights and their dtype."
            )
        if len(decision.rows) != len(self.live) or any(decision.reasons):
            self.live = [self.live[row] for row in decision.rows]
            self.rows = self.rows[decision.rows]
        self.scale = decision.guidance_scale[decision.rows]
        return decision

    def after_draw(self, log_p: Float[np.ndarray, "2 n"]) -> None:
        """Note ln p(x_t|c) and ln p(x_t|∅) of the codes drawn for the rows that went on."""
        self._record.note(self.position, self.live, dict(zip(_DRAWN, log_p, strict=True)))
        self.position += 1

    def finish(self, codes: Int[Tensor, "n t"]) -> None:
        """All live rows of this prompt reached their last code."""
        for place in range(len(self.live)):
            self._close(place, codes[place], None)
        self.live = []

    def _close(self, place: int, codes: Tensor, reason: str | None) -> None:
        index = self.live[place]
        steps = len(codes) if reason is None else len(codes) + 1
        trace = self._record.of(index, steps)
        self.candidates[index] = Candidate(
            prompt=self.prompt,
            index=index,
            codes=codes.cpu().clone(),
            cut=None if reason is None else Cut(len(codes), reason),
            signals=signals(trace, len(codes)),
            trace=trace,
        )
