"""What was seen of a prompt's trajectories, step by step."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray


class TraceRecord:
    """Notes values while decoding, and sorts them by trajectory when a trace is asked for.

    Sorting waits because between two steps the model's weights sweep the processor's caches clean, which makes
    twenty small copies dear; one after the other for all steps they are not.
    """

    def __init__(self, trajectories: int, steps: int, names: tuple[str, ...] = ()) -> None:
        """``names``: of values that every trace holds, even one that ends before any was noted."""
        self.shape = (trajectories, steps)
        self._notes: list[tuple[int, list[int], Mapping[str, np.ndarray]]] = []
        self._tables = {name: self._empty() for name in names}

    def note(self, step: int, who: list[int], values: Mapping[str, Float[np.ndarray, " n"]]) -> None:
        """Values of a step for the trajectories ``who``, by name; the arrays must not change afterwards."""
        self._notes.append((step, who, values))

    def of(self, index: int, steps: int) -> dict[str, NDArray[np.float32]]:
        """The first ``steps`` values of one trajectory under every name, NaN where none was noted."""
        self._sort()
        return {name: table[index, :steps].copy() for name, table in self._tables.items()}

    def _sort(self) -> None:
        for step, who, values in self._notes:
            rows = np.array(who)
            for name, column in values.items():
                if name not in self._tables:
                    self._tables[name] = self._empty()
                self._tables[name][rows, step] = column
        self._notes.clear()

    def _empty(self) -> NDArray[np.float32]:
        return np.full(self.shape, np.nan, np.float32)
