"""The step-wise values of an image's trajectories."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from scalingar.strategies.engine.lineage import Lineage
from scalingar.strategies.search import Columns


class TraceRecord:
    """Collects values while decoding, and sorts them by trajectory when a trace is requested.

    Sorting is deferred because between two steps the model evicts the CPU caches, which makes many small copies slow.
    """

    def __init__(self, lineage: Lineage, steps: int, names: tuple[str, ...] = ()) -> None:
        """``names``: values that every trace contains, even if none was recorded."""
        self.lineage = lineage
        self.steps = steps
        self._notes: list[tuple[int | Int[np.ndarray, " n"], Sequence[int], Columns]] = []
        self._tables = {name: self._empty(0) for name in names}

    def add(self, step: int | Int[np.ndarray, " n"], indices: Sequence[int], values: Columns) -> None:
        """Add values of a step (one for all or one each) of the trajectories ``indices``, by name.

        The arrays must not change afterwards.
        """
        self._notes.append((step, indices, values))

    def of(self, index: int, steps: int) -> dict[str, NDArray[np.float32]]:
        """The first ``steps`` values of one trajectory by name, including those of its ancestors.

        NaN where none was recorded.
        """
        self._sort()
        trace = {name: np.full(steps, np.nan, np.float32) for name in self._tables}
        for owner, first, end in self.lineage.spans(index, steps):
            for name, values in trace.items():
                values[first:end] = self._tables[name][owner, first:end]
        return trace

    def _sort(self) -> None:
        for step, indices, values in self._notes:
            rows = np.array(indices)
            for name, column in values.items():
                self._table(name)[rows, step] = column
        self._notes.clear()
        for name in self._tables:
            self._table(name)

    def _table(self, name: str) -> NDArray[np.float32]:
        """The table of a name, with a row for every trajectory."""
        table = self._tables.get(name)
        if table is None:
            table = self._tables[name] = self._empty(len(self.lineage))
        elif len(table) < len(self.lineage):
            table = self._tables[name] = np.concatenate([table, self._empty(len(self.lineage) - len(table))])
        return table

    def _empty(self, trajectories: int) -> NDArray[np.float32]:
        return np.full((trajectories, self.steps), np.nan, np.float32)
