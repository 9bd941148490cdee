"""A run in progress, step by step."""

from collections.abc import Callable, Iterator, Sequence

from scalingar.core.outputs import Ledger, PromptResult
from scalingar.pipeline.output import ImageOutput
from scalingar.strategies import Strategy
from scalingar.strategies.engine.scale_engine import ScaleEngine
from scalingar.strategies.engine.token_engine import Encode, Engine, StepEvent


class Stream:
    """Iterate over its steps, then read ``output``."""

    def __init__(
        self,
        engine: Engine | ScaleEngine,
        prompts: Sequence[str],
        encode: Encode,
        seeds: Sequence[int],
        finish: Callable[[list[PromptResult], Ledger], ImageOutput],
    ) -> None:
        """``encode``: prompts to the model's condition, one row each; ``seeds``: one per prompt."""
        self.output: ImageOutput | None = None
        self._finish = finish
        self._engine = engine
        self._steps = self._run(prompts, encode, seeds)

    @property
    def strategy(self) -> Strategy:
        """With every default filled in."""
        return self._engine.strategy

    def __iter__(self) -> Iterator[StepEvent]:
        return self._steps

    def _run(self, prompts: Sequence[str], encode: Encode, seeds: Sequence[int]) -> Iterator[StepEvent]:
        yield from self._engine.run(prompts, encode, seeds)
        self.output = self._finish(self._engine.results, self._engine.ledger)
