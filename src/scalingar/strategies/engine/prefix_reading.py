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
    """Follows the rows as an image's observer does. Raises ConfigError where no verifier is set."""

    def __init__(self, looks: ImageLooks, rows: int) -> None:
        if looks.verifier is None:
            raise ConfigError("this strategy needs a verifier, and none is set; give its folder.")
        self.ledger, self.reading = looks.ledger, looks.verifier.begin(rows)
        self._values: Float[np.ndarray, " n"] | None = None

    def read(self, states: Callable[[], Float[Tensor, "n d"]], positions: Int[np.ndarray, " n"]) -> None:
        """The states of the step before whose draw the rows stand. Raises ConfigError if they have another width."""
        steps = torch.from_numpy(positions)
        if not len(positions) or not self.reading.reads(steps):
            return
        with self.ledger.timed("verifier"):
            read, width = states(), self.reading.head.config.states
            if read.shape[1] != width:
                raise ConfigError(
                    f"the verifier reads states of {width} numbers, and this model's have {read.shape[1]}; train one "
                    "for it with 'scalingar verifier train'."
                )
            self.reading.read(read, steps)
            self._values = None

    def values(self) -> Float[np.ndarray, " n"]:
        """v of every row's prefix, fp32."""
        if self._values is None:
            with self.ledger.timed("verifier"):
                self._values = self.reading.values().numpy()
        return self._values

    def select(self, rows: Int[np.ndarray, " m"]) -> None:
        """The given rows, in the given order, repeats allowed."""
        self.reading.select(torch.from_numpy(rows))
        self._values = None if self._values is None else self._values[rows]

    def extend(self, born: Sequence[int]) -> None:
        """Rows that join. Raises DecodingError for one that begins with codes of another, whose states are gone."""
        if any(born):
            raise DecodingError("a verifier reads trajectories from their first step; start none from a prefix.")
        self._values = None
        self.select(np.array([*range(len(self.reading)), *([-1] * len(born))]))
