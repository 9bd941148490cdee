"""Which shards of a run are drawn here, where several machines share it without knowing of each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.validation import shown

FROM_ENVIRONMENT = "env"
_RANK, _WORLD_SIZE = "RANK", "WORLD_SIZE"
"""As torchrun sets them: the number of a process, from 0, and how many there are."""


@dataclass(frozen=True)
class Part:
    """Part ``number`` of ``count``, from 1; the first of one is the whole run."""

    number: int = 1
    count: int = 1

    @classmethod
    def read(cls, text: str, environment: Mapping[str, str]) -> Self:
        """From ``2/4``, or from RANK and WORLD_SIZE for ``env``. Raises ConfigError."""
        if text.strip().lower() == FROM_ENVIRONMENT:
            return cls._ranked(environment)
        match = re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", text)
        if match is None:
            raise ConfigError(f"--part {shown(text)}: write i/n, such as 1/4 for the first of four, or env.")
        number, count = map(int, match.groups())
        if not 1 <= number <= count:
            raise ConfigError(f"--part {text.strip()}: the first number must be from 1 to the second one.")
        return cls(number, count)

    @classmethod
    def _ranked(cls, environment: Mapping[str, str]) -> Self:
        rank, count = (environment.get(name, "") for name in (_RANK, _WORLD_SIZE))
        if not (rank.isdecimal() and count.isdecimal() and int(rank) < int(count)):
            raise ConfigError(
                f"--part env: {_RANK} is {shown(rank)} and {_WORLD_SIZE} {shown(count)}, expected a number from 0 and "
                "a larger one, as torchrun sets them; or write --part i/n."
            )
        return cls(int(rank) + 1, int(count))

    @property
    def whole(self) -> bool:
        """There are no other parts."""
        return self.count == 1

    @property
    def name(self) -> str:
        """Of the folder that its runs go to."""
        return f"part-{self.number}-of-{self.count}"

    def of(self, shards: int) -> range:
        """The numbers of its shards: every ``count``-th one, because the prompts of a task follow each other."""
        return range(self.number - 1, shards, self.count)


WHOLE = Part()


def check_no_part(folder: Path) -> None:
    """Raises BenchmarkError if the run in ``folder``, which is not whole, lies in the folder of a part."""
    named = re.fullmatch(r"part-([0-9]+)-of-([0-9]+)", folder.resolve().parent.name)
    if named is not None:
        raise BenchmarkError(
            f"{folder} is part {named[1]} of {named[2]} of a run; put all parts together with 'bench merge', and give "
            "the run that it writes."
        )
