"""Runs a strategy: observe, cut, draw, advance, for the live rows of one or many prompts in one batch."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from PIL import Image

from scalingar.core.outputs import Candidate, Ledger, PromptResult
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.decoding.trajectories import Trajectories
from scalingar.profile.token import StepDistributions, TokenStatistics, step_distributions, token_statistics
from scalingar.rewards.reward import Reward
from scalingar.strategies.engine.judging import Judge
from scalingar.strategies.engine.token_run import PromptRun
from scalingar.strategies.strategy import Decision, Setting, Step, Strategy, check_family

Encode = Callable[[list[str]], Any]
"""Prompts to the model's condition, one row each."""


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
class Engine:
    """A decoder, a strategy, what it judges by, and the costs of running them together.

    ``picture``: makes a finished candidate's image from its codes.
    ``reward``: what the strategy asks, where it asks for one.
    ``max_rows``: size of the live batch; prompts wait until enough places are free, those of finished and of cut
    trajectories among them. None: all prompts start together and every cut makes the batch smaller at once.
    """

    decoder: NextTokenDecoder
    strategy: Strategy
    guidance_scale: float
    picture: Callable[[Candidate], Image.Image]
    reward: Reward | None = None
    max_rows: int | None = None
    ledger: Ledger = field(default_factory=Ledger)
    results: list[PromptResult] = field(default_factory=list)

    def run(self, prompts: Sequence[str], encode: Encode, seeds: Sequence[int]) -> Iterator[StepEvent]:
        """Decode ``num_trajectories`` of every prompt; afterwards ``results`` holds them in order.

        ``seeds[i]`` keys the noise of prompt ``i``. Prompts start in order.

        Raises:
            ConfigError: the strategy is not for next-token models, or its reward breaks down.
            DecodingError: no trajectory of a prompt is left.
        """
        check_family(self.strategy, "next-token")
        self.judge = Judge(self.picture, self.ledger, self.reward, getattr(self.strategy, "reward", ""))
        grid = self.decoder.model.grid
        runs = [
            PromptRun(number, prompt, Setting(grid, self.guidance_scale, seed), self.strategy)
            for number, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True))
        ]
        self._encode, self._done = encode, dict[int, PromptResult]()
        self._waiting, self._active, self._free = deque(runs), list[PromptRun](), list[int]()
        live: Trajectories | None = None
        while self._waiting or self._active:
            live = self._admit(live)
            live, events = self._step(live)
            yield from events
            self._retire(live)
            live = self._advance(live) if self._active else None
        self.results = [self._done[run.number] for run in runs]

    def _admit(self, live: Trajectories | None) -> Trajectories:
        """Start as many of the waiting prompts as there are places for."""
        count = self.strategy.num_trajectories
        if live is None:
            self._free = []
            places = len(self._waiting) if self.max_rows is None else max(1, self.max_rows // count)
            places = min(places, len(self._waiting))
            return self._started(places, range(places * count))
        ready = 0 if live.cache.lockstep else min(len(self._free) // count, len(self._waiting))
        if ready == 0:
            return live
        rows, self._free = self._free[: ready * count], self._free[ready * count :]
        return live.place(torch.tensor(rows), self._started(ready, rows))

    def _started(self, prompts: int, rows: Sequence[int]) -> Trajectories:
        """The next ``prompts`` of the queue before their first code; they get the ``rows`` of the live batch."""
        count = self.strategy.num_trajectories
        runs = [self._waiting.popleft() for _ in range(prompts)]
        for place, run in enumerate(runs):
            run.rows = np.array(rows[place * count : (place + 1) * count])
        self._active += runs
        indices = [list(range(count)) for _ in runs]
        noise = TrajectoryNoise.for_prompts([run.setting.seed for run in runs], indices)
        guided = self.guidance_scale > 1.0
        with self.ledger.timed("prompts"), torch.inference_mode():
            condition = self._encode([run.prompt for run in runs])
        with self.ledger.timed("prefill"):
            live = self.decoder.start(condition, indices, noise, guided=guided)
        self.ledger.prefill_rows += len(runs) * (2 if guided else 1)
        return live

    @torch.inference_mode()
    def _step(self, live: Trajectories) -> tuple[Trajectories, list[StepEvent]]:
        """Observe, cut, draw: everything of one step but the transformer."""
        self.ledger.peak_bytes = max(self.ledger.peak_bytes, live.nbytes)
        with self.ledger.timed("policy"):
            distributions, statistics = self._statistics(live)
            events = [self._observe(run, live, statistics) for run in self._active]
        with self.ledger.timed("select"):
            live, rows = self._compact(live)
        with self.ledger.timed("sampling"):
            codes = self.decoder.draw(live, self._scales(live))
        with self.ledger.timed("policy"):
            log_p = distributions.of(rows, codes)
            for run in self._active:
                run.after_draw(log_p[:, run.rows])
        self.ledger.tokens += sum(len(run.live) for run in self._active)
        return live.append(codes), events

    def _statistics(self, live: Trajectories) -> tuple[StepDistributions, TokenStatistics]:
        config = self.strategy.profile
        distributions = step_distributions(
            live.branches,
            guidance_scale=self.decoder.scale_at(live.positions, self._scales(live)),
            distribution=config.distribution,
        )
        return distributions, token_statistics(distributions, config.deepconf_top_k)

    def _scales(self, live: Trajectories) -> Float[np.ndarray, " n"]:
        """The guidance scale of every row; free ones have the base scale."""
        if len(self._active) == 1 and not self._free:
            return self._active[0].scale
        scale = np.full(len(live), self.guidance_scale, np.float32)
        for run in self._active:
            scale[run.rows] = run.scale
        return scale

    def _observe(self, run: PromptRun, live: Trajectories, statistics: TokenStatistics) -> StepEvent:
        """Ask one prompt's search about its rows; the places of those that are cut become free."""
        if len(run.rows) < len(live):
            statistics = statistics.select(run.rows)
        who, before = run.live, run.rows
        step = Step(run.position, who, live.branches, before, statistics, run.scale)
        decision = run.observe(step, live.codes)
        if run.rows is not before:
            self._free += sorted(set(before.tolist()) - set(run.rows.tolist()))
        return _event(run.number, live.total_steps, step.position, who, decision)

    def _compact(self, live: Trajectories) -> tuple[Trajectories, Int[np.ndarray, " m"]]:
        """Give up the free rows, unless prompts wait for them, and copy the rows a strategy forked.

        Also returns which rows these are of the batch as it was.
        """
        count = sum(len(run.rows) for run in self._active)
        forked = count + len(self._free) > len(live)
        awaited = self._waiting and not live.cache.lockstep
        if not forked and (not self._free or awaited):
            return live, np.arange(len(live))
        rows, self._free = np.concatenate([run.rows for run in self._active]), []
        ends = np.cumsum([len(run.rows) for run in self._active])
        for run, part in zip(self._active, np.split(np.arange(count), ends[:-1]), strict=True):
            run.rows = part
        return live.select(torch.from_numpy(rows)), rows

    def _retire(self, live: Trajectories) -> None:
        """Close the prompts whose images are complete; their places become free."""
        for run in [run for run in self._active if run.position == live.total_steps]:
            run.finish(live.codes[torch.from_numpy(run.rows).to(live.codes.device)])
            self._done[run.number] = self.judge.result(self.strategy, run.prompt, run.setting, run.candidates)
            self._free += run.rows.tolist()
            self._active.remove(run)

    @torch.inference_mode()
    def _advance(self, live: Trajectories) -> Trajectories:
        live.park(self._free)
        with self.ledger.timed("transformer"):
            live = self.decoder.advance(live)
        self.ledger.forward_rows += live.cache.rows
        return live


def _event(number: int, total_steps: int, position: int, who: list[int], decision: Decision) -> StepEvent:
    return StepEvent(
        prompt=number,
        position=position,
        total_steps=total_steps,
        indices=who,
        cut={i: why for i, why in zip(who, decision.reasons, strict=True) if why is not None},
        values=decision.trace,
    )
