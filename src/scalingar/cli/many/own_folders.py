"""A folder for each prompt of a list."""

from pathlib import Path

from scalingar.core.files import numbered
from scalingar.pipeline.run_folder import own_folder


class OwnFolders:
    """Gives each prompt a folder named by it, in ``among`` or ``out``.

    With ``overwrite`` results of earlier commands are replaced, but never those of this one: the second prompt of a
    name gets the next number. Without, whoever writes takes the next number that is free.
    """

    def __init__(self, among: Path | None, *, overwrite: bool) -> None:
        self._among, self._overwrite = among, overwrite
        self._given: set[Path] = set()

    def of(self, words: str, seed: int) -> Path:
        """The folder ``WORDS-SEED``, or one of the next numbers."""
        own = own_folder(words, seed, self._among)
        if self._overwrite:
            own = next(place for place in numbered(own) if place not in self._given)
            self._given.add(own)
        return own
