"""Finding a recipe or a suite: one that comes with the package, by its name, or a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from os.path import exists
from pathlib import Path

from scalingar.core.errors import ConfigError
from scalingar.core.files import expanded
from scalingar.core.registry import suggestion
from scalingar.core.validation import shown

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Shelf:
    """The YAML files of one kind in a folder; those of its sub-folders are named ``sub-folder/name``."""

    kind: str
    folder: Path
    sub_folders: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        """Their names, those of sub-folders last."""
        for prefix in ("", *(f"{name}/" for name in self.sub_folders)):
            yield from sorted(f"{prefix}{file.stem}" for file in (self.folder / prefix).glob(f"*{_SUFFIXES[0]}"))

    def find(self, source: str | Path) -> Path:
        """The file that a text means: the name of one of these, wherever one stands, or else a path.

        So ``./single`` is a file beside the recipe ``single``; a ``Path`` is always a path.

        Raises:
            ConfigError: neither such a file nor such a name.
        """
        if isinstance(source, Path):
            return source
        if source in self:
            return self._file(source)
        path = expanded(source)
        if exists(path):  # unlike Path.exists, False for a path too long to be one
            return path
        if path.suffix.lower() not in _SUFFIXES:
            known = suggestion(source, list(self))
            raise ConfigError(f"there is no {self.kind} {shown(source)}, and no such file{known}")
        if (name := source[: -len(path.suffix)]) in self:
            raise ConfigError(
                f"there is no file {shown(source)}; the {self.kind} that comes with the package is named {name!r}."
            )
        return path

    def sentence(self, name: str) -> str:
        """What the first line of its file says."""
        with self._file(name).open(encoding="utf-8") as file:
            return file.readline().lstrip("# ").rstrip(".:\n")

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}{_SUFFIXES[0]}"


_HERE = Path(__file__).parent
RECIPES = Shelf("recipe", _HERE)
SUITES = Shelf("suite", _HERE / "suites", ("papers",))
