"""Runs a strategy over a list of prompts, in one live batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Never

from scalingar.core.errors import DecodingError, ScalingarError
from scalingar.core.outputs import PromptResult
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.strategies.engine.image_run import ImageRun
from scalingar.strategies.engine.live_batch import LiveBatch
from scalingar.strategies.engine.looks import ImageLooks
from scalingar.strategies.engine.open_engine import Encode, OpenEngine
from scalingar.strategies.engine.order import Manner, Order, reads_states
from scalingar.strategies.engine.starts import Decoder, Streams
from scalingar.strategies.engine.step_event import StepEvent
from scalingar.strategies.search import Start
from scalingar.strategies.strategy import Strategy, branches_of, check_serves


class Engine(OpenEngine):
    """Decodes prompts with a strategy, and counts the costs; an error of one image is one of all.

    ``results``: one per image, in order, once :meth:`run` is exhausted.
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
        """``show``: decode the chosen image. For ``max_rows`` and ``streams`` see :class:`OpenEngine`.

        What images are granted together waits for ``max_rows`` likewise.
        """
        usual = Manner(decoder.sampling, strategy.profile)
        super().__init__(
            decoder,
            usual,
            guidance_scale,
            looks.ledger,
            list,
            branches=branches_of(strategy, guidance_scale),
            states=reads_states(strategy, looks.verifier),
            max_rows=max_rows,
            streams=streams,
        )
        self.strategy, self.looks, self.show = strategy, looks, show
        self.results: list[PromptResult] = []
        self._granted: deque[tuple[ImageRun, Start]] = deque()
        """Trajectories that images will start once there is room, in strategies that conclude images together."""

    def run(self, prompts: Sequence[str], encode: Encode, seeds: Sequence[int]) -> Iterator[StepEvent]:
        """Decode every prompt with the strategy; ``seeds[i]`` keys the noise of prompt ``i``.

        Raises:
            ConfigError: the strategy does not fit the model, or its reward fails.
            PromptError: a prompt cannot be read, or not rewritten as the strategy asks.
            DecodingError: no trajectory of a prompt is left, or no decision is possible.
        """
        self.encode = encode
        numbers = [self.submit(self._order(prompt, seed)) for prompt, seed in zip(prompts, seeds, strict=True)]
        while (live := self._admit()) is not None:
            yield from self._step(live)
            self._end_step(live)
        outcomes = [self.outcomes.pop(number) for number in numbers]
        self.results = [outcome for outcome in outcomes if isinstance(outcome, PromptResult)]

    def _order(self, prompt: str, seed: int) -> Order:
        return Order(
            prompt=prompt,
            seed=seed,
            strategy=self.strategy,
            decoder=self.decoder,
            guidance_scale=self.guidance_scale,
            looks=self.looks,
            show=self.show,
        )

    def _check(self, order: Order) -> None:
        """All orders are alike, and concluded together where the strategy does."""
        check_serves(order.strategy, self.decoder.decoding)

    def _admit(self) -> LiveBatch | None:
        """As others do, after what was granted and has room."""
        while self._granted and self._has_room(len(self._granted[0][1])):
            run, start = self._granted.popleft()
            self._starts.begin(run, start, self._starts.sources(run, None))
        return super()._admit()

    def _has_room(self, count: int) -> bool:
        """Whether so many trajectories may start beside those that are live or about to be."""
        if self.live is not None and self.live.lockstep:
            return False
        rows = self._starts.rows + self.live_rows
        return self.max_rows is None or not rows or rows + count <= self.max_rows

    @property
    def _more_to_come(self) -> bool:
        return super()._more_to_come or bool(self._granted)

    def _conclude_done(self) -> None:
        if not self.strategy.together:
            super()._conclude_done()
        elif not (self.live_rows or self._starts or self._more_to_come):
            self._conclude_together()

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

    def _fail(self, run: ImageRun, error: ScalingarError) -> Never:
        raise error
