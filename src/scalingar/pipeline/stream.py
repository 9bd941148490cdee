"""A run in progress, step by step."""

from collections.abc import Callable, Iterator, Sequence

import torch

from scalingar.core.errors import DecodingError
from scalingar.core.outputs import Ledger, PromptResult
from scalingar.pipeline.output import ImageOutput
from scalingar.strategies import Strategy
from scalingar.strategies.engine.engine import Engine
from scalingar.strategies.engine.open_engine import Encode
from scalingar.strategies.engine.step_event import StepEvent


class Stream:
    """Iterate over its steps, then read ``output``."""

    def __init__(
        self,
        engine: Engine,
        prompts: Sequence[str],
        encode: Encode,
        seeds: Sequence[int],
        finish: Callable[[list[PromptResult], Ledger], ImageOutput],
    ) -> None:
        """``encode``: prompts to the model's condition, one row each; ``seeds``: one per prompt."""
        self._engine = engine
        self._finish = finish
        self._count = len(prompts)
        self._steps = self._run(prompts, encode, seeds)
        self._output: ImageOutput | None = None

    def _run(self, prompts: Sequence[str], encode: Encode, seeds: Sequence[int]) -> Iterator[StepEvent]:
        """The engine's steps. Raises DecodingError where the device's memory is full."""
        try:
            yield from self._engine.run(prompts, encode, seeds)
        except torch.OutOfMemoryError:
            full = True
        else:
            full = False
        if full:  # outside of the handler: the first error's traceback holds the tensors that fill the memory
            self._engine.live = None
            raise DecodingError(
                f"the device's memory is full with {len(prompts)} image{'s' * (len(prompts) > 1)} of "
                f"num_trajectories={self.strategy.num_trajectories}; lower num_trajectories, max_rows or "
                "looks_per_batch, or load the model with dtype bf16."
            )

    @property
    def strategy(self) -> Strategy:
        """The strategy, with all defaults filled in."""
        return self._engine.strategy

    @property
    def output(self) -> ImageOutput:
        """The result; runs any remaining steps first.

        Raises DecodingError after an error, or if the steps were closed early.
        """
        if self._output is None:
            for _ in self._steps:
                pass
            if not self._engine.results:
                raise DecodingError("the run failed or was closed before its end; it has no output.")
            self._output = self._finish(self._engine.results, self._engine.ledger)
        return self._output

    def __len__(self) -> int:
        """Number of images."""
        return self._count

    def __iter__(self) -> Iterator[StepEvent]:
        return self._steps
