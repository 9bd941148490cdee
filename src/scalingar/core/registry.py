"""Registries of strategies, rewards, models and others by name; an unknown name gets a suggestion."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from scalingar.core.errors import ConfigError

T = TypeVar("T")


def suggestion(wrong: str, known: list[str]) -> str:
    """``"; did you mean 'x'?"``, capitals or not, or the whole list when nothing is close."""
    by_letters = {name.casefold(): name for name in known}
    close = get_close_matches(wrong.casefold(), by_letters, n=1, cutoff=0.5)
    return f"; did you mean {by_letters[close[0]]!r}?" if close else f"; choose from {', '.join(known)}."


def split_source(kind: str, text: str) -> tuple[str, str | None]:
    """Name and source of ``name`` or ``name:source``. Raises ConfigError for an empty source."""
    name, colon, source = text.partition(":")
    if colon and not source:
        raise ConfigError(f"the {kind} {text!r} ends in ':'; add a file, a folder or a hub name, or leave it out.")
    return name, source or None


class ReplacedWarning(UserWarning):
    """A definition was run again, and is used from now on."""


def _is_run_again(old: object, new: object) -> bool:
    """Whether both are the same definition of what a user types: of one module, ``__main__``, and one name."""
    origins = [inspect.unwrap(entry) for entry in (old, new)]  # type: ignore[arg-type]
    names = [(getattr(one, "__module__", None), getattr(one, "__qualname__", None)) for one in origins]
    return names[0] == names[1] and names[0][0] == "__main__" and names[0][1] is not None


class Registry(Generic[T]):
    """Entries of one kind by name. Other packages add theirs through the entry-point group ``scalingar.<kind>``.

    ``modules``: modules of this package that register entries, imported at the first lookup.
    """

    def __init__(self, kind: str, modules: Sequence[str] = ()) -> None:
        self.kind = kind
        self._modules = modules
        self._entries: dict[str, T] = {}
        self._loaded = False
        self.replaced = 0
        """How often an entry was replaced: what was made of entries before is out of date when this has changed."""

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that adds an entry under ``name``. Raises ConfigError if the name is taken.

        A definition of a notebook or prompt (``__main__``) that is run again takes its own place, with a
        ReplacedWarning.
        """

        def add(entry: T) -> T:
            if name in self._entries:
                if not _is_run_again(self._entries[name], entry):
                    raise ConfigError(f"the {self.kind} name {name!r} is registered twice; choose another name.")
                self.replaced += 1
                message = f"{name!r} among the {self.kind} is replaced by its new definition."
                warnings.warn(message, ReplacedWarning, stacklevel=2)
            self._entries[name] = entry
            return entry

        return add

    def name_of(self, entry: T) -> str:
        """The name an entry is registered under; its ``__name__`` if it is not registered."""
        default = str(getattr(entry, "__name__", entry))
        return next((name for name, known in self._entries.items() if known is entry), default)

    @contextmanager
    def temporarily(self, name: str, entry: T) -> Iterator[T]:
        """Register ``entry`` inside the block, hiding an entry of the same name."""
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
