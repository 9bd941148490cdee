"""Runs a strategy on a live batch: admit, decide, draw, decide, retire, advance."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from scalingar.core.errors import DecodingError
from scalingar.core.outputs import Ledger, PromptResult
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.decoding.trajectories import Trajectories
from scalingar.strategies.engine.host_reads import HostReads
from scalingar.strategies.engine.image_run import ImageRun, Rows
from scalingar.strategies.engine.live_batch import LiveBatch
from scalingar.strategies.engine.looks import ImageLooks
from scalingar.strategies.engine.observers import DeviceObservation, Observation, device_statistics_of, observe
from scalingar.strategies.engine.starts import Decoder, Starts, Streams
from scalingar.strategies.engine.step_event import StepEvent
from scalingar.strategies.search import Candidates, Pick, Start
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import Strategy, check_serves

Encode = Callable[[list[str]], Any]
"""Prompts to the model's condition, one row each."""


class Engine:
    """Decodes prompts with a strategy, and counts the costs.

    ``ledger``: costs so far. ``results``: one per image, in order, once :meth:`run` is exhausted.
    """

    def __init__(
        self,
        decoder: Decoder,
        strategy: Strategy,
        guidance_scale: float,
        looks: ImageLooks,
        *,
        max_rows: int | None = None,
        streams: Streams = TrajectoryNoise.for_prompts,
        show: bool = True,
    ) -> None:
        """``show``: decode the chosen image. ``streams``: creates the trajectories' noise.

        ``max_rows``: limit of live trajectories when further prompts start; a single prompt may exceed it. Prompts
        wait for the rows of finished and cut trajectories, or, in lockstep, until the batch is done. None: all prompts
        start together and every cut shrinks the batch at once. What images are granted together waits likewise; other
        trajectories started later are not counted.
        """
        self.decoder, self.strategy, self.guidance_scale = decoder, strategy, guidance_scale
        self.looks, self.max_rows, self.streams, self.show = looks, max_rows, streams, show
        self.ledger: Ledger = looks.ledger
        self.results: list[PromptResult] = []
        self.live: LiveBatch | None = None
        self._encode: Encode = list
        self._waiting: deque[ImageRun] = deque()
        self._begun: list[ImageRun] = []
        self._granted: deque[tuple[ImageRun, Start]] = deque()
        """Trajectories that images will start once there is room, in strategies that conclude images together."""
        self._starts = Starts(decoder, self.ledger, streams)
        self._reads = HostReads()
        self._ahead: DeviceObservation | None = None
        """Of the next step, which is computed already."""
        self._done: dict[int, PromptResult] = {}

    def run(self, prompts: Sequence[str], encode: Encode, seeds: Sequence[int]) -> Iterator[StepEvent]:
        """Decode every prompt with the strategy; ``seeds[i]`` keys the noise of prompt ``i``.

        Raises:
            ConfigError: the strategy does not fit the model, or its reward fails.
            DecodingError: no trajectory of a prompt is left, or no decision is possible.
        """
        check_serves(self.strategy, self.decoder.decoding)
        self._encode = encode
        pairs = enumerate(zip(prompts, seeds, strict=True))
        runs = [ImageRun(i, prompt, self._setting(seed), self.strategy, self.looks) for i, (prompt, seed) in pairs]
        self._waiting = deque(runs)
        while self._waiting or self.live is not None or self._starts or self._granted:
            live = self._admit()
            yield from self._step(live)
            self._retire(live)
            if self._ahead is None:
                self._advance(live)
        self.results = [self._done[run.number] for run in runs]

    def _setting(self, seed: int) -> Setting:
        decoder = self.decoder
        return Setting(decoder.grid, self.guidance_scale, seed, decoder.scales, decoder.vocab_size)

    def _admit(self) -> LiveBatch:
        """Add started trajectories to the batch where possible, then as many waiting prompts as fit."""
        while self._granted and self._has_room(len(self._granted[0][1])):
            run, start = self._granted.popleft()
            self._starts.begin(run, start, self._starts.sources(run, None))
        for group in self._starts.ready(self.live):
            if self.live is None:
                self.live = LiveBatch(group.trajectories, self.decoder.groups)
                rows = list(range(len(group.indices)))
            else:
                rows = self.live.insert(group.trajectories)
            self._read()  # of the steps that they continue
            self.live.add(group.run, group.indices, rows)
        if self.live is None:
            count = len(self._waiting)
            if self.max_rows is not None:
                count = min(count, max(1, self.max_rows // self._waiting[0].search.starts))
            self.live = LiveBatch(self._started(runs := self._next(count)), self.decoder.groups)
            self._own(runs, range(len(self.live)))
        elif self._waiting and not self.live.lockstep:
            room = len(self.live.free)
            if self.max_rows is not None:
                room = max(room, self.max_rows - sum(len(run.rows) for run in self.live.runs))
            count = min(room // self._waiting[0].search.starts, len(self._waiting))
            if count:
                fresh = self._started(runs := self._next(count))
                self._own(runs, self.live.insert(fresh))
        self.live.fit()
        return self.live

    def _has_room(self, count: int) -> bool:
        """Whether so many trajectories may start beside those that are live or about to be."""
        rows = self._starts.rows
        if self.live is not None:
            if self.live.lockstep:
                return False
            rows += sum(len(run.rows) for run in self.live.runs)
        return self.max_rows is None or not rows or rows + count <= self.max_rows

    def _next(self, count: int) -> list[ImageRun]:
        runs = [self._waiting.popleft() for _ in range(count)]
        self._begun += runs
        return runs

    def _own(self, runs: list[ImageRun], rows: Sequence[int]) -> None:
        """Assign consecutive rows to the images that start."""
        assert self.live is not None
        first = 0
        for run in runs:
            end = first + len(run.indices)
            self.live.add(run, run.indices, rows[first:end])
            first = end

    def _started(self, runs: list[ImageRun]) -> Trajectories:
        """All trajectories of these images, before their first code."""
        indices = [list(run.indices) for run in runs]
        noise = self.streams([run.setting.seed for run in runs], indices)
        guided = self.guidance_scale > 1.0
        with self.ledger.timed("prompts"), torch.inference_mode():
            condition = self._encode([run.prompt for run in runs])
        with self.ledger.timed("prefill"):
            states = self.strategy.needs().states
            fresh = self.decoder.start(condition, indices, noise, guided=guided, states=states)
        self.ledger.prefill_rows += len(runs) * (2 if guided else 1)
        first = 0
        for run in runs:
            self._starts.keep_origin(run, fresh, first)
            first += len(run.indices)
        return fresh

    @torch.inference_mode()
    def _step(self, live: LiveBatch) -> list[StepEvent]:
        """One step without the transformer: decide, draw, decide."""
        self.ledger.peak_bytes = max(self.ledger.peak_bytes, live.trajectories.nbytes + self._starts.nbytes)
        runs = list(live.runs)
        seen = self._observe(live) if self._ahead is None else self._ahead
        self._ahead = None
        self._read()
        with self.ledger.timed("policy"):
            for run in runs:
                own = seen.statistics if live.owns_all(run) else seen.statistics.select(run.rows)
                self._decided(live, run, partial(run.before_draw, own, live.view))
        with self.ledger.timed("select"):
            rows = live.compact(keep_free=self._more_to_come)
        if live.runs and self._may_run_ahead(live):
            self._run_ahead(live)
        elif live.runs:
            self._draw(live, seen, rows)
        return [self._event(run) for run in runs]

    def _observe(self, live: LiveBatch) -> Observation:
        with self.ledger.timed("policy"):
            batch = live.trajectories
            scale = self.decoder.scale_at(batch.positions, live.scales(self.guidance_scale))
            return observe(batch, scale, self.strategy.profile, self.decoder.decoding, self._reads)

    @property
    def _more_to_come(self) -> bool:
        """Whether trajectories wait for rows."""
        return bool(self._waiting or self._granted)

    def _may_run_ahead(self, live: LiveBatch) -> bool:
        """Whether nothing is to be decided, and no row comes or goes, before the next logits."""
        stays = not self._more_to_come and not self._starts and not any(run.decides_after for run in live.runs)
        return stays and self.decoder.may_run_ahead(live.trajectories)

    def _run_ahead(self, live: LiveBatch) -> None:
        """Draw and compute the next step's statistics in one call of the device."""
        profile, tokens = self.strategy.profile, self.decoder.tokens_at(live.position)
        with self.ledger.timed("transformer"):
            scales = live.scales(self.guidance_scale)
            numbers = self.decoder.run_ahead(live.trajectories, scales, device_statistics_of(profile))
        self.ledger.tokens += tokens * sum(len(run.rows) for run in live.runs)
        self.ledger.forward_rows += live.trajectories.cache.rows * tokens
        ahead = self._ahead = DeviceObservation(live.trajectories, profile, self.decoder.decoding)
        receivers = [run.drawn(owns_all=live.owns_all(run)) for run in live.runs]

        def receive(values: Float[np.ndarray, "6 n"]) -> None:
            ahead.receive(values[:4])
            for record in receivers:
                record(values[4:])

        self._reads.add(numbers, receive)

    def _draw(self, live: LiveBatch, seen: Observation, rows: Rows | None) -> None:
        """Draw for all rows, which are ``rows`` of the observed batch (None: all of them), and decide again."""
        tokens = self.decoder.tokens_at(live.position)
        with self.ledger.timed("sampling"):
            codes = self.decoder.draw(live.trajectories, live.scales(self.guidance_scale))
            live.trajectories = self.decoder.append(live.trajectories, codes)
        self.ledger.tokens += tokens * sum(len(run.rows) for run in live.runs)
        with self.ledger.timed("policy"):
            log_p = seen.log_p(rows, codes)
            for run in live.runs:
                receive = run.drawn(owns_all=live.owns_all(run))
                if isinstance(log_p, np.ndarray):
                    receive(log_p)
                else:
                    self._reads.add(log_p, receive)
        if not any(run.decides_after for run in live.runs):
            return
        self._read()
        with self.ledger.timed("policy"):
            for run in list(live.runs):
                self._decided(live, run, partial(run.after_draw, live.view))
        with self.ledger.timed("select"):
            live.compact(keep_free=self._more_to_come)

    def _read(self) -> None:
        """Wait for the device and hand out its numbers; its work of the whole step counts as the transformer's."""
        if self._reads:
            with self.ledger.timed("transformer"):
                self._reads.flush()

    def _decided(self, live: LiveBatch, run: ImageRun, decide: Callable[[], tuple[Rows | None, Start]]) -> None:
        """Apply one image's decision: free the rows that end and create the trajectories it starts."""
        sources, before = self._starts.sources(run, live), run.rows
        changed, start = decide()
        if changed is not None:
            live.release(sorted(set(before.tolist()) - set(run.rows.tolist())))
        self._starts.begin(run, start, sources)

    def _retire(self, live: LiveBatch) -> None:
        """Close complete trajectories; conclude images that have no others."""
        if any(run.complete.any() for run in live.runs):
            self._read()
        for run in live.runs:
            self._starts.keep_finished(run, live)
            live.release(run.finish(live.view).tolist())
        live.drop_empty()
        if self.strategy.together:
            if not (live.runs or self._starts or self._more_to_come):
                self._conclude_together()
        else:
            for run in [run for run in self._begun if run.done]:
                answer = run.search.when_done(self._finished(run))
                if isinstance(answer, Start) and len(answer):
                    self._starts.begin(run, answer, self._starts.sources(run, None))
                else:
                    self._hand_out(run, answer)
        if not live.runs:
            self.live = None

    def _conclude_together(self) -> None:
        """No trajectory of the call is under way: the strategy says which images go on, and which are handed out."""
        runs = list(self._begun)
        answers = self.strategy.when_all_done([run.search for run in runs], [self._finished(run) for run in runs])
        idle = all(isinstance(answer, Start) and not len(answer) for answer in answers)
        if len(answers) != len(runs) or idle:
            raise DecodingError(
                f"{type(self.strategy).__name__} neither starts a trajectory nor hands an image out, or gives "
                f"{len(answers)} answers for {len(runs)} images."
            )
        for run, answer in zip(runs, answers, strict=True):
            if not isinstance(answer, Start):
                self._hand_out(run, answer)
            elif len(answer):
                self._granted.append((run, answer))

    def _finished(self, run: ImageRun) -> Candidates:
        """The image's candidates that finished. Raises DecodingError where there is none."""
        finished = run.finished
        if not len(finished):
            reasons = ", ".join(sorted({candidate.fate for candidate in run.ended}))
            raise DecodingError(
                f"no trajectory of {run.prompt!r} is left ({reasons}); a search must keep at least one."
            )
        return finished

    def _hand_out(self, run: ImageRun, answer: Start | Pick) -> None:
        """Close the image with its pick. Raises DecodingError if that has not finished."""
        if not isinstance(answer, Pick) or answer.index not in [candidate.index for candidate in run.finished]:
            raise DecodingError(
                f"{type(run.search).__name__} picked {answer} for {run.prompt!r}, which has not finished."
            )
        truncated = self.looks.truncated(run.prompt) if self.strategy.needs().rewarded else {}
        result = PromptResult(run.prompt, run.setting.seed, run.ended, answer.index, truncated)
        if self.show:
            self.looks.decode([result.best])
        self._done[run.number] = result
        self._begun.remove(run)
        self._starts.forget(run)

    @torch.inference_mode()
    def _advance(self, live: LiveBatch) -> None:
        """Run the transformer for the next step of all rows."""
        if self.live is None:
            return
        if not live.lockstep:
            live.trajectories.park(live.free)
        tokens = self.decoder.tokens_at(live.position)
        with self.ledger.timed("transformer"):
            live.trajectories = self.decoder.advance(live.trajectories)
        self.ledger.forward_rows += live.trajectories.cache.rows * tokens

    def _event(self, run: ImageRun) -> StepEvent:
        """What a callback may keep and change: copies, not what the search decides by."""
        log = run.log

        def read() -> dict[str, NDArray[np.float32]]:
            self._read()
            return {name: np.array(column, np.float32) for name, column in log.values.items()}

        indices, cut = list(log.indices), dict(log.cut)
        return StepEvent(run.number, log.position, run.setting.total_steps, indices, cut, read)
