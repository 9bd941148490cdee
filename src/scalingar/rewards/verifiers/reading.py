"""What a verifier has read of an image's live trajectories, row by row."""

from collections.abc import Callable, Sequence
from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor


class Reading(Protocol):
    """A reader of ``n`` rows: forks are copied, cut rows forgotten."""

    def __len__(self) -> int: ...

    def reads(self, positions: Int[Tensor, " n"]) -> bool:
        """Whether it reads the state of any row at these steps; they are on the CPU."""
        ...

    def read(self, states: Float[Tensor, "n d"], positions: Int[Tensor, " n"]) -> None:
        """Take in the states of the rows at these steps. Raises ConfigError if they have another width."""
        ...

    def values(self, positions: Int[Tensor, " n"], codes: Callable[[], Sequence[Tensor]]) -> Float[Tensor, " n"]:
        """v of every row's prefix, on the CPU. ``positions``: steps done by each row; ``codes``: those it has drawn."""
        ...

    def select(self, rows: Int[Tensor, " m"]) -> None:
        """The given rows, in the given order, repeats allowed; -1 is a row of which nothing is read."""
        ...
