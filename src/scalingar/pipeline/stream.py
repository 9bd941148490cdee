"""A run in progress, step by step."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scalingar.core.outputs import Candidate, ImageOutput
from scalingar.strategies import Strategy
from scalingar.strategies.engine.engine import Encode, Engine
from scalingar.strategies.engine.step_event import StepEvent


class Stream:
    """Iterate over its steps, then read ``output``."""

    def __init__(
        self,
        engine: Engine,
        prompts: Sequence[str],
        encode: Encode,
        seeds: Sequence[int],
        convert: Callable[[Candidate], Any],
    ) -> None:
        """``encode``: prompts to the model's condition, one row each; ``seeds``: one per prompt.

        ``convert``: from what was chosen to an entry of the output's images.
        """
        self._engine = engine
        self._convert = convert
        self._steps = engine.run(prompts, encode, seeds)
        self._output: ImageOutput | None = None

    @property
    def strategy(self) -> Strategy:
        """With every default filled in."""
        return self._engine.strategy

    @property
    def output(self) -> ImageOutput:
        """The result, once all steps are made: those that nobody read are made now."""
        if self._output is None:
            for _ in self._steps:
                pass
            results, ledger = self._engine.results, self._engine.ledger
            self._output = ImageOutput([self._convert(result.best) for result in results], results, ledger)
        return self._output

    def __iter__(self) -> Iterator[StepEvent]:
        return self._steps
