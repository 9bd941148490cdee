"""Runs a strategy: observe, cut, draw, advance, for the live rows of one or several prompts in one batch."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.trajectories import Trajectories
from scalingar.errors import DecodingError
from scalingar.noise import TrajectoryNoise
from scalingar.outputs import Candidate, Cut, Ledger
from scalingar.profile.signals import Signals
from scalingar.profile.token import TokenStatistics, token_statistics
from scalingar.strategies.base import Decision, Setting, Step, Strategy


@dataclass(frozen=True)
class StepEvent:
    """What a step did to one prompt's trajectories, for progress bars, callbacks and live views."""

    prompt: int
    """Place of the prompt in the batch."""
    position: int
    """Index of the code that was drawn."""
    total_steps: int
    indices: list[int]
    """Trajectories that were alive before the step."""
    cut: dict[int, str]
    """Those given up in it, with the reason."""
    values: dict[str, NDArray[np.float32]]
    """The step's trace, one value per entry of ``indices``."""


@dataclass
class PromptRun:
    """One prompt's search and the record of its trajectories."""

    prompt: str
    setting: Setting
    strategy: Strategy
    live: list[int] = field(init=False)
    scale: Float[Tensor, " n"] = field(init=False)
    candidates: dict[int, Candidate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = self.strategy.num_trajectories
        self.search = self.strategy.search(self.setting)
        self.live = list(range(count))
        self.scale = torch.full((count,), self.setting.guidance_scale)
        self.signals = Signals.start(count)
        self._records: list[tuple[list[int], dict[str, NDArray[np.float32]]]] = []

    def observe(self, live: Trajectories, rows: slice, statistics: TokenStatistics) -> Decision:
        """Ask the search about this prompt's rows of the live batch, and record what it saw."""
        step = Step(
            position=int(live.positions[rows.start]),
            indices=live.indices[rows],
            conditional=live.conditional[rows],
            unconditional=None if live.unconditional is None else live.unconditional[rows],
            statistics=statistics,
            guidance_scale=self.scale,
        )
        decision = self.search.observe(step)
        self._records.append((list(self.live), decision.trace))
        for place, reason in enumerate(decision.reasons):
            if reason is not None:
                self._close(place, live.codes[rows.start + place, : step.position], reason)
        if len(decision.rows) == 0:
            raise DecodingError(
                f"no trajectory of {self.prompt!r} is left at step {step.position}: "
                f"{decision.reasons[0]} in every row. Check the weights and their dtype."
            )
        self.live = [self.live[row] for row in decision.rows.tolist()]
        self.scale = decision.guidance_scale[decision.rows]
        if any(decision.reasons):
            self.signals = self.signals.select(decision.rows)
        return decision

    def after_draw(self, statistics: TokenStatistics, drawn: Tensor) -> None:
        """Update the running signals of the rows that went on."""
        self.signals = self.signals.update(statistics, self.search.profile.confidence, drawn)

    def finish(self, codes: Tensor) -> None:
        """All live rows of this prompt reached their last code; ``codes`` is ``(n, t)``."""
        for place in range(len(self.live)):
            self._close(place, codes[place], None)
        self.live = []

    def _close(self, place: int, codes: Tensor, reason: str | None) -> None:
        index = self.live[place]
        trace = self._trace_of(index)
        signals = {name: float(v[place]) for name, v in self.signals.values().items()}
        if reason is not None:
            # The step that cut it drew no code, but its confidence is the last one there is.
            signals["final_confidence"] = float(trace["C"][-1])
        self.candidates[index] = Candidate(
            prompt=self.prompt,
            index=index,
            codes=codes.cpu().clone(),
            cut=None if reason is None else Cut(len(codes), reason),
            signals=signals,
            trace=trace,
        )

    def _trace_of(self, index: int) -> dict[str, NDArray[np.float32]]:
        steps = [(trace, who.index(index)) for who, trace in self._records if index in who]
        names = steps[0][0] if steps else {}
        return {name: np.array([trace[name][place] for trace, place in steps], np.float32) for name in names}


@dataclass
class Engine:
    """A decoder, a strategy, and the costs of running them together."""

    decoder: NextTokenDecoder
    strategy: Strategy
    guidance_scale: float
    ledger: Ledger = field(default_factory=Ledger)

    def run(self, prompts: Sequence[str], condition: Any, seeds: Sequence[int]) -> Iterator[StepEvent]:
        """Decode ``num_trajectories`` of every prompt; afterwards ``runs[i].candidates`` holds them.

        ``condition`` has one row per prompt; ``seeds[i]`` keys the noise of prompt ``i``.
        """
        grid = self.decoder.model.grid
        self.runs = [
            PromptRun(prompt, Setting(grid, self.guidance_scale, seed), self.strategy)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        live = self._start(condition, seeds)
        while True:
            live, events = self._step(live)
            yield from events
            if bool(live.finished.all()):
                break
            with self.timed("transformer"):
                live = self.decoder.advance(live)
            self.ledger.forward_rows += live.cache.rows
        for run, rows in self._parts():  # listed before the first one lets go of its rows
            run.finish(live.codes[rows])

    def _start(self, condition: Any, seeds: Sequence[int]) -> Trajectories:
        indices = [list(range(self.strategy.num_trajectories)) for _ in seeds]
        noise = TrajectoryNoise.for_prompts(seeds, indices)
        guided = self.guidance_scale > 1.0
        with self.timed("prefill"):
            live = self.decoder.start(condition, indices, noise, guided=guided)
        self.ledger.prefill_rows += len(seeds) * (2 if guided else 1)
        return live

    @torch.inference_mode()
    def _step(self, live: Trajectories) -> tuple[Trajectories, list[StepEvent]]:
        """Observe, cut, draw: everything of one step but the transformer."""
        self.ledger.peak_bytes = max(self.ledger.peak_bytes, live.nbytes)
        with self.timed("policy"):
            statistics = self._statistics(live)
            decided = []
            events = []
            for number, (run, rows) in enumerate(self._parts()):
                who = list(run.live)
                part = statistics if len(self.runs) == 1 else statistics.select(torch.arange(rows.start, rows.stop))
                decision = run.observe(live, rows, part)
                if len(decision.rows) < len(who):
                    part = part.select(decision.rows)
                decided.append((run, part, decision.rows + rows.start))
                events.append(_event(number, live, rows, who, decision))
        with self.timed("select"):
            live = live.select(torch.cat([rows for *_, rows in decided]))
        with self.timed("sampling"):
            scale = torch.cat([run.scale for run, *_ in decided]).to(live.codes.device)
            codes = self.decoder.draw(live, scale)
        with self.timed("policy"):
            for (run, part, _), (_, rows) in zip(decided, self._parts(), strict=True):
                run.after_draw(part, codes[rows])
        self.ledger.tokens += len(live)
        return live.append(codes), events

    def _statistics(self, live: Trajectories) -> TokenStatistics:
        config = self.strategy.profile
        scale = torch.cat([run.scale for run in self.runs])
        return token_statistics(
            live.conditional,
            live.unconditional,
            guidance_scale=self.decoder.scale_at(live.positions, scale.to(live.codes.device)),
            distribution=config.distribution,
            deepconf_top_k=config.deepconf_top_k,
        )

    def _parts(self) -> list[tuple[PromptRun, slice]]:
        """Each prompt's rows of the live batch, in order."""
        ends = list(accumulate(len(run.live) for run in self.runs))
        return [(run, slice(end - len(run.live), end)) for run, end in zip(self.runs, ends, strict=True)]

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the wall-clock time of a block to the ledger."""
        started = time.perf_counter()
        yield
        seconds = self.ledger.seconds
        seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - started


def _event(number: int, live: Trajectories, rows: slice, who: list[int], decision: Decision) -> StepEvent:
    return StepEvent(
        prompt=number,
        position=int(live.positions[rows.start]),
        total_steps=live.total_steps,
        indices=who,
        cut={i: why for i, why in zip(who, decision.reasons, strict=True) if why is not None},
        values=decision.trace,
    )
