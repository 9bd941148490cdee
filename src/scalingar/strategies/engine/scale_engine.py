"""Runs a strategy on a next-scale model: draw a scale, look, prune, advance, for one or many prompts in one batch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.outputs import Candidate, Ledger, PromptResult
from scalingar.core.pixels import rounded
from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.noise import Noise, TrajectoryNoise
from scalingar.decoding.trajectories import Trajectories
from scalingar.profile.scales import ScaleStatistics, scale_distributions, scale_statistics
from scalingar.rewards.features.feature import Feature
from scalingar.rewards.reward import Reward
from scalingar.strategies.engine.judging import Judge
from scalingar.strategies.engine.scale_run import ScaleRun
from scalingar.strategies.engine.token_engine import Encode, StepEvent
from scalingar.strategies.strategy import Setting, Strategy, check_family

Streams = Callable[[Sequence[int], Sequence[list[int]]], Noise]
"""Noise of trajectories ``indices[i]`` of prompt ``i`` under ``seeds[i]``."""


@dataclass
class ScaleEngine:
    """A decoder, a strategy, what it judges by, and the costs of running them together.

    ``reward``, ``feature``: what the strategy asks, where it asks for one; called only then.
    ``max_rows``: trajectories that start together at most, though always those of one prompt; the next prompts start
    when these are done. None: all start together.
    ``to_image``: from RGB in [-1, 1] to 8 bits.
    """

    decoder: NextScaleDecoder
    strategy: Strategy
    guidance_scale: float
    reward: Reward | None = None
    feature: Feature | None = None
    max_rows: int | None = None
    to_image: Callable[[Float[Tensor, "3 h w"]], Image.Image] = rounded
    streams: Streams = TrajectoryNoise.for_prompts
    ledger: Ledger = field(default_factory=Ledger)
    results: list[PromptResult] = field(default_factory=list)

    def run(self, prompts: Sequence[str], encode: Encode, seeds: Sequence[int]) -> Iterator[StepEvent]:
        """Decode what the strategy wants of every prompt; afterwards ``results`` holds them in order.

        ``seeds[i]`` keys the noise of prompt ``i``.

        Raises:
            ConfigError: the strategy is not for next-scale models or does not fit this one.
            DecodingError: no trajectory of a prompt is left, or nothing sound can be decided.
        """
        check_family(self.strategy, "next-scale")
        each = enumerate(zip(prompts, seeds, strict=True))
        runs = [self._run_of(number, prompt, seed) for number, (prompt, seed) in each]
        size = len(runs)
        if runs and self.max_rows is not None:
            size = max(1, self.max_rows // runs[0].search.starts)
        for first in range(0, len(runs), size):
            together = runs[first : first + size]
            yield from self._decode(together, encode)
            self.results += [
                run.judge.result(self.strategy, run.prompt, run.setting, run.candidates) for run in together
            ]

    def _run_of(self, number: int, prompt: str, seed: int) -> ScaleRun:
        model = self.decoder.model
        setting = Setting(model.scales[-1], self.guidance_scale, seed, model.scales)
        name = getattr(self.strategy, "reward", "")
        judge = Judge(self._picture, self.ledger, self.reward, name, self.feature)
        return ScaleRun(number, prompt, setting, self.strategy, judge, model.groups)

    def _decode(self, runs: list[ScaleRun], encode: Encode) -> Iterator[StepEvent]:
        live = self._start(runs, encode)
        scales = self.decoder.model.scales
        for scale in range(len(scales)):
            if scale:
                height, width = scales[scale]
                with self.ledger.timed("transformer"):
                    live = self.decoder.advance(live)
                self.ledger.forward_rows += live.cache.rows * height * width
            live, events = self._step(runs, live, scale)
            yield from events
        for run, rows in _parts(runs):  # listed before the first one lets go of its rows
            run.finish(live.codes[rows])

    def _start(self, runs: list[ScaleRun], encode: Encode) -> Trajectories:
        indices = [list(run.live) for run in runs]
        guided = self.guidance_scale > 1.0
        with self.ledger.timed("prompts"), torch.inference_mode():
            condition = encode([run.prompt for run in runs])
        noise = self.streams([run.setting.seed for run in runs], indices)
        with self.ledger.timed("prefill"):
            live = self.decoder.start(condition, indices, noise, guided=guided)
        self.ledger.prefill_rows += len(runs) * (2 if guided else 1)
        return live

    @torch.inference_mode()
    def _step(self, runs: list[ScaleRun], live: Trajectories, scale: int) -> tuple[Trajectories, list[StepEvent]]:
        """Draw a scale, ask the searches, select: everything of one scale but the transformer."""
        self.ledger.peak_bytes = max(self.ledger.peak_bytes, live.nbytes)
        with self.ledger.timed("sampling"):
            codes = self.decoder.draw(live, self.guidance_scale)
        self.ledger.tokens += len(live) * codes.shape[1]
        with self.ledger.timed("policy"):
            statistics = self._statistics(live, codes, scale)
        with self.ledger.timed("sampling"):
            live = self.decoder.append(live, codes)
        with self.ledger.timed("policy"):
            rows, events = self._observe(runs, live, statistics, scale)
        with self.ledger.timed("select"):
            live = live.select(rows)
        # Copies have names of their own from here on.
        names = torch.tensor([index for run in runs for index in run.live])
        return replace(live, indices=names), events

    def _statistics(self, live: Trajectories, codes: Tensor, scale: int) -> ScaleStatistics:
        strength = self.decoder.model.guidance_at(scale, self.guidance_scale)
        config = self.strategy.profile
        distributions = scale_distributions(live.branches, strength, config)
        return scale_statistics(distributions, codes, config)

    def _observe(
        self, runs: list[ScaleRun], live: Trajectories, statistics: ScaleStatistics, scale: int
    ) -> tuple[Tensor, list[StepEvent]]:
        """Which rows of the batch go on, and what happened to each prompt."""
        drawn = live.codes[:, : live.codes_until(scale + 1)]
        kept, events = [], []
        for run, rows in _parts(runs):
            who = list(run.live)
            part = statistics.select(torch.arange(rows.start, rows.stop))
            decision, reasons = run.observe(scale, part, drawn[rows])
            run.go_on(decision, reasons, drawn[rows], scale)
            kept.append(rows.start + decision.rows)
            cut = {index: why for index, why in zip(who, reasons, strict=True) if why is not None}
            values = {**part.trace(), **decision.trace}
            events.append(StepEvent(run.number, scale, live.total_steps, who, cut, values))
        return torch.from_numpy(np.concatenate(kept)), events

    def _picture(self, candidate: Candidate) -> Image.Image:
        return self.to_image(self.decoder.pixels(self.decoder.latent(candidate.codes[None]))[0])


def _parts(runs: list[ScaleRun]) -> list[tuple[ScaleRun, slice]]:
    """Each prompt's rows of the live batch, in order."""
    ends = list(accumulate(len(run.live) for run in runs))
    return [(run, slice(end - len(run.live), end)) for run, end in zip(runs, ends, strict=True)]
