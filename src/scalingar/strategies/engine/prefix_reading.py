"""A verifier's reading of one image's rows while they are drawn, timed in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.errors import ConfigError, DecodingError
from scalingar.strategies.engine.looks import ImageLooks


class PrefixReading:
    """Follows the rows as an image's observer does. Raises ConfigError where no verifier is set, or it cannot read."""

    def __init__(self, looks: ImageLooks, prompt: str, rows: int) -> None:
        if looks.verifier is None:
            raise ConfigError("this strategy needs a verifier, and none is set; give its folder.")
        self.ledger, self.waits = looks.ledger, looks.verifier.waits
        """:attr:`~scalingar.rewards.verifiers.verifier.Verifier.waits`."""
        self.reading = looks.verifier.begin(rows, prompt, looks.latents)
        self._known: tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]] | None = None
        """The values that were asked for last, and the positions of their rows."""

    def read(self, states: Callable[[], Float[Tensor, "n d"]], positions: Int[np.ndarray, " n"]) -> None:
        """The states of the step before whose draw the rows stand. Raises ConfigError if they have another width."""
        steps = torch.from_numpy(positions)
        if not len(positions) or not self.reading.reads(steps):
            return
        with self.ledger.timed("verifier"):
            self.reading.read(states(), steps)
            self._known = None

    def knows(self, positions: Int[np.ndarray, " n"]) -> bool:
        """Whether the values of rows at these positions need not be computed from all their codes."""
        return self.waits or (self._known is not None and np.array_equal(self._known[0], positions))

    def values(
        self, positions: Int[np.ndarray, " n"], codes: Callable[[], Sequence[Tensor]]
    ) -> Float[np.ndarray, " n"]:
        """v of every row's prefix, fp32. ``positions``: steps done by each row; ``codes``: those it has drawn."""
        if self._known is None or not np.array_equal(self._known[0], positions):
            with self.ledger.timed("verifier"):
                values = self.reading.values(torch.from_numpy(positions), codes).numpy()
            self._known = positions.copy(), values
        return self._known[1]

    def select(self, rows: Int[np.ndarray, " m"]) -> None:
        """The given rows, in the given order, repeats allowed."""
        self.reading.select(torch.from_numpy(rows))
        if self._known is not None:
            self._known = self._known[0][rows], self._known[1][rows]

    def extend(self, born: Sequence[int]) -> None:
        """Rows that join. Raises DecodingError for one that begins with codes of another, whose states are gone."""
        if self.waits and any(born):
            raise DecodingError(
                "a verifier of states reads trajectories from their first step; start none from a prefix."
            )
        self._known = None
        self.reading.select(torch.tensor([*range(len(self.reading)), *([-1] * len(born))]))
