"""Names to things: strategies, rewards, models. A wrong name gets a suggestion."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from scalingar.core.errors import ConfigError

T = TypeVar("T")


def suggestion(wrong: str, known: list[str]) -> str:
    """``"; did you mean 'x'?"``, or the whole list when nothing is close."""
    close = get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; choose from {', '.join(known)}."


class Registry(Generic[T]):
    """Things of one kind by name. Other packages add theirs through the entry-point group ``scalingar.<kind>``."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that adds a thing under ``name``; a name is given only once."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise ConfigError(f"two things register the {self.kind} name {name!r}")
            self._entries[name] = entry
            return entry

        return add

    def name_of(self, entry: T) -> str:
        """The name something is registered under; its own name if it is not."""
        own = str(getattr(entry, "__name__", entry))
        return next((name for name, known in self._entries.items() if known is entry), own)

    def __getitem__(self, name: str) -> T:
        """Raises ConfigError for an unknown name."""
        self._load_entry_points()
        if name not in self._entries:
            raise ConfigError(f"{name!r} is not among the {self.kind}{suggestion(name, list(self))}")
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        self._load_entry_points()
        return iter(sorted(self._entries))

    def __contains__(self, name: object) -> bool:
        self._load_entry_points()
        return name in self._entries

    def _load_entry_points(self) -> None:
        if not self._loaded:
            self._loaded = True
            for point in entry_points(group=f"scalingar.{self.kind}"):
                if point.name not in self._entries:
                    self._entries[point.name] = point.load()
