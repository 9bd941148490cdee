"""What was seen of an image's trajectories, step by step."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from scalingar.strategies.engine.lineage import Lineage
from scalingar.strategies.search import Columns


class TraceRecord:
    """Notes values while decoding, and sorts them by trajectory when a trace is asked for.

    Sorting waits because between two steps the model's weights sweep the processor's caches clean, which makes
    twenty small copies dear; one after the other for all steps they are not.
    """

    def __init__(self, lineage: Lineage, steps: int, names: tuple[str, ...] = ()) -> None:
        """``names``: of values that every trace holds, even one that ends before any was noted."""
        self.lineage = lineage
        self.steps = steps
        self._notes: list[tuple[int | Int[np.ndarray, " n"], Sequence[int], Columns]] = []
        self._tables = {name: self._empty(0) for name in names}

    def note(self, step: int | Int[np.ndarray, " n"], indices: Sequence[int], values: Columns) -> None:
        """Values of a step, one for all or one each, of the trajectories ``indices``, by name.

        The arrays must not change afterwards.
        """
        self._notes.append((step, indices, values))

    def of(self, index: int, steps: int) -> dict[str, NDArray[np.float32]]:
        """The first ``steps`` values of one trajectory under every name, a copy's ancestors' among them.

        NaN where none was noted.
        """
        self._sort()
        found = {name: np.full(steps, np.nan, np.float32) for name in self._tables}
        for owner, first, end in self.lineage.spans(index, steps):
            for name, values in found.items():
                values[first:end] = self._tables[name][owner, first:end]
        return found

    def _sort(self) -> None:
        for step, indices, values in self._notes:
            rows = np.array(indices)
            for name, column in values.items():
                self._table(name)[rows, step] = column
        self._notes.clear()
        for name in self._tables:
            self._table(name)

    def _table(self, name: str) -> NDArray[np.float32]:
        """The table of a name, with a row for every trajectory there is."""
        table = self._tables.get(name, self._empty(0))
        lacking = len(self.lineage) - len(table)
        if lacking or name not in self._tables:
            table = self._tables[name] = np.concatenate([table, self._empty(lacking)])
        return table

    def _empty(self, trajectories: int) -> NDArray[np.float32]:
        return np.full((trajectories, self.steps), np.nan, np.float32)
