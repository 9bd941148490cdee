"""Steps a live batch that images join and leave at any time: admit, decide, draw, decide, retire, advance."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ConfigError, DecodingError, ScalingarError
from scalingar.core.outputs import Candidate, Ledger, PromptResult
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.decoding.trajectories import Trajectories
from scalingar.strategies.engine.host_reads import HostReads
from scalingar.strategies.engine.image_run import ImageRun, Rows
from scalingar.strategies.engine.live_batch import LiveBatch
from scalingar.strategies.engine.observers import DeviceObservation, Observation, device_statistics_of, observe
from scalingar.strategies.engine.order import Manner, Order
from scalingar.strategies.engine.parts import MixedObservation, draw_parts
from scalingar.strategies.engine.starts import Decoder, Starts, Streams
from scalingar.strategies.engine.step_event import StepEvent
from scalingar.strategies.search import Candidates, Pick, Start
from scalingar.strategies.strategy import STRATEGIES, Strategy, check_branches, check_serves, tell_lone_branch

Encode = Callable[[list[str]], Any]
"""Prompts to the model's condition, one row each; second prompts after all first ones."""


def check_joins(strategy: Strategy, decoding: Decoding) -> None:
    """Raises ConfigError for a strategy of other models, and for one that concludes the images of a call together."""
    check_serves(strategy, decoding)
    if strategy.together:
        raise ConfigError(
            f"the strategy {STRATEGIES.name_of(type(strategy))} shares a budget among the images of a call; here "
            "images are drawn one by one, so choose another."
        )


class OpenEngine:
    """Decodes images that are ordered at any time, each with its strategy, guidance, sampling and seed.

    A trajectory draws the same codes as alone, whoever else is in the batch. Images whose manner differs from the usual
    one are computed beside the others, without CUDA graphs: those are made for one manner, and never given up.

    ``ledger``: costs so far. ``outcomes``: of images that are done, their result or the error that ended them, by
    number; whoever reads one takes it out.
    """

    def __init__(
        self,
        decoder: Decoder,
        usual: Manner,
        guidance_scale: float,
        ledger: Ledger,
        encode: Encode,
        *,
        branches: int,
        states: bool = False,
        max_rows: int | None = None,
        streams: Streams = TrajectoryNoise.for_prompts,
    ) -> None:
        """``guidance_scale``: of rows without an image. ``branches``: of all images, see :func:`branches_of`.

        ``states``: of all images hidden states are read, or of none.

        ``max_rows``: limit of live trajectories when further images start, counting those that a search is known to
        start later; an image may exceed it alone. Images wait for the rows of finished and cut trajectories, or, in
        lockstep, until the batch is done. None: all that wait start together and every cut shrinks the batch at once.
        ``streams``: creates the trajectories' noise.
        """
        self.decoder, self.usual, self.guidance_scale = decoder, usual, guidance_scale
        self.branches, self.states = branches, states
        self.ledger, self.encode, self.max_rows, self.streams = ledger, encode, max_rows, streams
        self.taken = 0
        """Of ``max_rows``, what is kept for images of other engines."""
        self.live: LiveBatch | None = None
        self.outcomes: dict[int, PromptResult | ScalingarError] = {}
        self._orders = 0
        self._waiting: deque[ImageRun] = deque()
        self._begun: list[ImageRun] = []
        self._starts = Starts(decoder, self.ledger, streams)
        self._reads = HostReads()
        self._ahead: DeviceObservation | None = None
        """Of the next step, which is computed already."""

    @property
    def busy(self) -> bool:
        """Some image is not done."""
        return bool(self._waiting or self._begun)

    @property
    def waiting(self) -> list[int]:
        """Numbers of the images that have not begun."""
        return [run.number for run in self._waiting]

    @property
    def live_rows(self) -> int:
        """Trajectories in the batch."""
        return 0 if self.live is None else sum(len(run.rows) for run in self.live.runs)

    @property
    def reserved(self) -> int:
        """Rows that the images under way have, or will have."""
        return sum(run.most_rows for run in self._begun)

    @property
    def wanted(self) -> int:
        """Rows of the image that is to begin next; 0 if none waits."""
        return self._waiting[0].most_rows if self._waiting else 0

    def submit(self, order: Order) -> int:
        """Let an image wait for its turn; returns its number.

        Raises:
            ConfigError: the strategy does not fit the model, or concludes the images of a call together.
            PromptError: the prompt cannot be rewritten as the strategy asks.
            ValueError: it has other branches than the others, or reads states and they do not, or the other way round.
        """
        self._check(order)
        check_branches(order.strategy, order.guidance_scale)
        if self.decoder.decoding == "next-token":
            tell_lone_branch(order.strategy, order.guidance_scale)
        manner = order.manner
        known = (self.usual, *(run.manner for run in (*self._waiting, *self._begun)))
        manner = next((one for one in known if one == manner), manner)
        run = ImageRun(self._orders, order, manner)
        self._orders += 1
        self._waiting.append(run)
        return run.number

    def _check(self, order: Order) -> None:
        check_joins(order.strategy, self.decoder.decoding)
        own, others = (order.branches, order.states), (self.branches, self.states)
        if own != others:
            raise ValueError(f"(branches, states) is {own} in an engine of {others}")

    def cancel(self, number: int) -> None:
        """Give an image up between two steps, if it is not done: others may take its rows at once."""
        for run in [run for run in (*self._waiting, *self._begun) if run.number == number]:
            self._remove(run)

    def leading(self, number: int) -> Candidate | None:
        """Between two steps, what the most confident live trajectory of an image has drawn; None if nothing has."""
        self._read()
        runs = [] if self.live is None else self.live.runs
        return next((run.leading(self.live.view) for run in runs if self.live and run.number == number), None)

    def so_far(self, number: int) -> list[Candidate]:
        """Between two steps, all trajectories of an image that have begun, ended or live; see :class:`ImageRun`."""
        self._read()
        view = None if self.live is None else self.live.view
        return next((run.so_far(view) for run in self._begun if run.number == number), [])

    def step(self) -> list[StepEvent]:
        """One step of all images that are under way, and of those that can begin."""
        live = self._admit()
        if live is None:
            return []
        events = self._step(live)
        self._end_step(live)
        return events

    def _end_step(self, live: LiveBatch) -> None:
        self._retire(live)
        if self._ahead is None:
            self._advance(live)

    def _admit(self) -> LiveBatch | None:
        """Add started trajectories to the batch where possible, then as many waiting images as fit."""
        if self._ahead is not None:  # the next step is computed, for the rows that are there
            return self.live
        for group in self._starts.ready(self.live):
            if self.live is None:
                self.live = LiveBatch(group.trajectories, self.decoder.groups)
                rows = list(range(len(group.indices)))
            else:
                rows = self.live.insert(group.trajectories)
            self._read()  # of the steps that they continue
            self.live.add(group.run, group.indices, rows)
        if runs := self._next():
            self._enter(runs)
        if self.live is not None:
            self.live.fit()
        return self.live

    def _next(self) -> list[ImageRun]:
        """Take the waiting images that fit, in their order."""
        if self.live is not None and (self.live.lockstep or not self._waiting):
            return []
        held = self.taken + self.reserved
        runs: list[ImageRun] = []
        while self._waiting and (self.max_rows is None or not held or held + self.wanted <= self.max_rows):
            held += self.wanted
            runs.append(self._waiting.popleft())
        self._begun += runs
        return runs

    def _enter(self, runs: list[ImageRun]) -> None:
        """Add images to the batch. Of several, one whose prompt cannot be read is found by adding them one by one."""
        try:
            fresh = self._started(runs)
        except ScalingarError as error:
            if len(runs) == 1:
                self._fail(runs[0], error)
            else:
                for run in runs:
                    self._enter([run])
            return
        if self.live is None:
            self.live = LiveBatch(fresh, self.decoder.groups)
            rows = list(range(len(self.live)))
        else:
            rows = self.live.insert(fresh)
        first = 0
        for run in runs:
            end = first + len(run.indices)
            self.live.add(run, run.indices, rows[first:end])
            first = end

    def _started(self, runs: list[ImageRun]) -> Trajectories:
        """All trajectories of these images, before their first code."""
        indices = [list(run.indices) for run in runs]
        noise = self.streams([run.setting.seed for run in runs], indices)
        prompts = [run.prompt for run in runs]
        prompts += [run.second_prompt for run in runs if run.second_prompt is not None]
        with self.ledger.timed("prompts"), torch.inference_mode():
            condition = self.encode(prompts)
        with self.ledger.timed("prefill"):
            fresh = self.decoder.start(condition, indices, noise, branches=self.branches, states=self.states)
        self.ledger.prefill_rows += len(prompts) * min(self.branches, 2)
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
            batch, scales = live.trajectories, live.scales(self.guidance_scale)
            if not self._as_usual(live):
                return MixedObservation(live.parts(), batch, scales, self._reads)
            scale = self.decoder.scale_at(batch.positions, scales)
            return observe(batch, scale, self.usual.profile, self.decoder.decoding, self._reads)

    def _as_usual(self, live: LiveBatch) -> bool:
        """Whether all rows are drawn and observed in the manner that the engine was made for."""
        return all(run.manner is self.usual for run in live.runs)

    @property
    def _more_to_come(self) -> bool:
        """Whether trajectories wait for rows."""
        return bool(self._waiting)

    def _may_run_ahead(self, live: LiveBatch) -> bool:
        """Whether nothing is to be decided, and no row comes or goes, before the next logits."""
        stays = not self._more_to_come and not self._starts and not any(run.decides_after for run in live.runs)
        return stays and self._as_usual(live) and self.decoder.may_run_ahead(live.trajectories)

    def _run_ahead(self, live: LiveBatch) -> None:
        """Draw and compute the next step's statistics in one call of the device."""
        profile, tokens = self.usual.profile, self.decoder.tokens_at(live.position)
        with self.ledger.timed("transformer"):
            scales = live.scales(self.guidance_scale)
            numbers = self.decoder.run_ahead(live.trajectories, scales, device_statistics_of(profile))
        self._count(live, tokens)
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
            scales = live.scales(self.guidance_scale)
            usual = self._as_usual(live)
            batch = live.trajectories
            codes = self.decoder.draw(batch, scales) if usual else draw_parts(live.parts(), batch, scales)
            live.trajectories = self.decoder.append(live.trajectories, codes)
        self._count(live, tokens)
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

    def _count(self, live: LiveBatch, tokens: int) -> None:
        """Add what the rows draw in this step, ``tokens`` each, to the ledger."""
        self.ledger.tokens += tokens * sum(len(run.rows) for run in live.runs)
        if self.decoder.preview is not None:
            early = sum(int((run.positions < run.setting.preview_steps).sum()) for run in live.runs)
            self.ledger.preview_tokens = (self.ledger.preview_tokens or 0) + tokens * early

    def _read(self) -> None:
        """Wait for the device and hand out its numbers; its work of the whole step counts as the transformer's."""
        if self._reads:
            with self.ledger.timed("transformer"):
                self._reads.flush()

    def _decided(self, live: LiveBatch, run: ImageRun, decide: Callable[[], tuple[Rows | None, Start]]) -> None:
        """Apply one image's decision: free the rows that end and create the trajectories it starts."""
        sources, before = self._starts.sources(run, live), run.rows
        try:
            changed, start = decide()
        except ScalingarError as error:
            run.rows = before
            self._fail(run, error)
            return
        if changed is not None:
            live.release(sorted(set(before.tolist()) - set(run.rows.tolist())))
        try:
            self._starts.begin(run, start, sources)
        except DecodingError as error:
            self._fail(run, error)

    def _retire(self, live: LiveBatch) -> None:
        """Close complete trajectories; conclude images that have no others."""
        if any(run.complete.any() for run in live.runs):
            self._read()
        for run in live.runs:
            self._starts.keep_finished(run, live)
            freed = run.finish(live.view).tolist()
            live.release(freed)
            if freed:
                self._starts.drop_spent(run)
        live.drop_empty()
        self._conclude_done()
        if not live.runs:
            self.live = None

    def _conclude_done(self) -> None:
        """Hand out the images that have no live or pending trajectories."""
        for run in [run for run in self._begun if run.done]:
            try:
                self._conclude(run)
            except ScalingarError as error:
                self._fail(run, error)

    def _conclude(self, run: ImageRun) -> None:
        answer = run.search.when_done(self._finished(run))
        if isinstance(answer, Start) and len(answer):
            self._starts.begin(run, answer, self._starts.sources(run, None))
        else:
            self._hand_out(run, answer)

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
        looks = run.order.looks
        truncated = looks.truncated(run.prompt) if run.order.strategy.needs().rewarded else {}
        result = PromptResult(run.prompt, run.setting.seed, run.ended, answer.index, truncated, run.second_prompt)
        if run.order.show:
            looks.decode([result.best])
        self.outcomes[run.number] = result
        self._remove(run)

    def _fail(self, run: ImageRun, error: ScalingarError) -> None:
        """End an image by an error of its own; the others go on."""
        self._remove(run)
        self.outcomes[run.number] = error

    def _remove(self, run: ImageRun) -> None:
        """Drop what is held for an image."""
        for runs in (self._waiting, self._begun):
            if run in runs:
                runs.remove(run)
        self._starts.forget(run)
        if self.live is not None:
            self.live.give_up(run)
            if not self.live.runs:
                self.live = self._ahead = None

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

        def look() -> list[Candidate]:
            if run.log is not log or run not in self._begun:
                raise DecodingError(
                    f"step {log.position} is over; ask for the candidates of an event before the next one."
                )
            return [replace(candidate) for candidate in self.so_far(run.number)]

        def draw(candidate: Candidate) -> Image.Image:
            with torch.inference_mode():
                run.looks.decode([candidate])
            assert candidate.image is not None
            return candidate.image

        indices, cut = list(log.indices), dict(log.cut)
        return StepEvent(run.number, log.position, run.setting.total_steps, indices, cut, read, look, draw)
