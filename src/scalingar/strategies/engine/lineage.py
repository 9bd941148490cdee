"""Who descends from whom among the trajectories of one image."""

from collections.abc import Iterator


class Lineage:
    """Names trajectories 0, 1, 2 … in the order in which they begin, and remembers where each comes from."""

    def __init__(self) -> None:
        self._births: list[tuple[int | None, int]] = []

    def __len__(self) -> int:
        return len(self._births)

    def fresh(self) -> int:
        """A trajectory from the first step; returns its index."""
        return self.child(None, 0)

    def child(self, parent: int | None, born: int) -> int:
        """A trajectory that is ``parent`` up to its step ``born``; returns its index."""
        self._births.append((parent, born))
        return len(self._births) - 1

    def parent(self, index: int) -> int | None:
        """The trajectory it was the same as; None of one from the first step."""
        return self._births[index][0]

    def born(self, index: int) -> int:
        """Its first step of its own."""
        return self._births[index][1]

    def spans(self, index: int, steps: int) -> Iterator[tuple[int, int, int]]:
        """Whose steps its first ``steps`` steps are, youngest first: ``(index, first, end)``."""
        at: int | None = index
        while at is not None:
            first = self.born(at)
            if first < steps:
                yield at, first, steps
            steps, at = min(steps, first), self.parent(at)
