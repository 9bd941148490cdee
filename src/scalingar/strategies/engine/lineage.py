"""The lineage of one image's trajectories."""

from collections.abc import Iterator


class Lineage:
    """Numbers trajectories in the order in which they start, and records parent and birth of each."""

    def __init__(self) -> None:
        self._births: list[tuple[int | None, int]] = []

    def __len__(self) -> int:
        return len(self._births)

    def fresh(self) -> int:
        """Add a trajectory from the first step; returns its index."""
        return self.child(None, 0)

    def child(self, parent: int | None, born: int) -> int:
        """Add a trajectory that shares the steps before ``born`` with ``parent``; returns its index."""
        self._births.append((parent, born))
        return len(self._births) - 1

    def parent(self, index: int) -> int | None:
        """The trajectory it was copied from; None if it is fresh."""
        return self._births[index][0]

    def born(self, index: int) -> int:
        """Its first own step."""
        return self._births[index][1]

    def spans(self, index: int, steps: int) -> Iterator[tuple[int, int, int]]:
        """Owners of its first ``steps`` steps, latest first: ``(index, first, end)``."""
        owner: int | None = index
        while owner is not None:
            first = self.born(owner)
            if first < steps:
                yield owner, first, steps
            steps, owner = min(steps, first), self.parent(owner)
