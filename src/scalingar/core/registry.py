"""Names to things: strategies, rewards, models. A wrong name gets a suggestion."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from scalingar.core.errors import ConfigError

T = TypeVar("T")


def suggestion(wrong: str, known: list[str]) -> str:
    """``"; did you mean 'x'?"``, or the whole list when nothing is close."""
    close = get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; choose from {', '.join(known)}."


class Registry(Generic[T]):
    """Things of one kind by name. Other packages add theirs through the entry-point group ``scalingar.<kind>``.

    ``modules``: of this package, each registering its own; they are imported when somebody first asks for a name.
    """

    def __init__(self, kind: str, modules: Sequence[str] = ()) -> None:
        self.kind = kind
        self._modules = modules
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

    @contextmanager
    def temporarily(self, name: str, entry: T) -> Iterator[T]:
        """``entry`` under ``name`` inside the block, in place of what may be there; afterwards all is as it was."""
        before = {name: self._entries[name]} if name in self else {}
        self._entries[name] = entry
        try:
            yield entry
        finally:
            del self._entries[name]
            self._entries |= before

    def __getitem__(self, name: str) -> T:
        """Raises ConfigError for an unknown name."""
        self._load()
        if name not in self._entries:
            raise ConfigError(f"{name!r} is not among the {self.kind}{suggestion(name, list(self))}")
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._entries))

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            for module in self._modules:
                import_module(module)
            for point in entry_points(group=f"scalingar.{self.kind}"):
                if point.name not in self._entries:
                    self._entries[point.name] = point.load()
