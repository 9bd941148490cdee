"""Tasks that end in any order, and their results in the order of the tasks."""

from collections import deque
from collections.abc import Iterable, Iterator

from scalingar.bench.runs.shard import Shard, Task


class Ahead:
    """Hands out tasks, at most ``limit`` of them beyond those whose results were taken."""

    def __init__(self, tasks: Iterable[Task], limit: int) -> None:
        self._todo, self._limit = deque(tasks), limit
        self._again: list[Task] = []
        self._order: deque[int] = deque()
        self._done: dict[int, Shard | Exception] = {}

    @property
    def over(self) -> bool:
        """Every result was taken."""
        return not self._todo and not self._order

    def next(self) -> Task | None:
        """What is to be done now, the lost ones first; None: nothing, or nothing yet."""
        if self._again:
            return self._again.pop(0)
        if not self._todo or len(self._order) == self._limit:
            return None
        self._order.append(self._todo[0].number)
        return self._todo.popleft()

    def lost(self, task: Task) -> None:
        """It has to be done again, before those that come after it."""
        self._again = sorted([*self._again, task], key=lambda one: self._order.index(one.number))

    def ended(self, task: Task, result: Shard | Exception) -> None:
        """Keep a result, or why there is none, for its turn."""
        self._done[task.number] = result

    def in_turn(self) -> Iterator[Shard]:
        """The results that are next. Raises the error of a task."""
        while self._order and self._order[0] in self._done:
            result = self._done.pop(self._order.popleft())
            if isinstance(result, Exception):
                raise result
            yield result
