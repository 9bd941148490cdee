"""What a head that reads latents sees of an image's live trajectories: their codes so far, when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.rewards.verifiers.latent_head import LatentHead

Latents = Callable[[list[Tensor]], Float[Tensor, "m d h w"]]
"""The latents of several images' codes, as many of each, complete or not."""


class LatentReading:
    """A :class:`~scalingar.rewards.verifiers.reading.Reading` that keeps nothing: a value is computed from all codes.

    On the CPU row by row, so that a value depends on its own prefix alone, to the bit.
    """

    def __init__(self, head: LatentHead, words: Int[Tensor, " t"], latents: Latents, rows: int) -> None:
        self.head, self.latents, self.rows = head, latents, rows
        self.device = head.places.device
        self.words = to_device(words, self.device)

    def __len__(self) -> int:
        return self.rows

    def reads(self, positions: Int[Tensor, " n"]) -> bool:
        """No states."""
        return False

    def read(self, states: Float[Tensor, "n d"], positions: Int[Tensor, " n"]) -> None:
        """No states."""

    @torch.inference_mode()
    def values(self, positions: Int[Tensor, " n"], codes: Callable[[], Sequence[Tensor]]) -> Float[Tensor, " n"]:
        """v of every row's prefix, on the CPU."""
        drawn = codes()
        result = torch.zeros(len(drawn))
        for rows in self._together(positions):
            latent = to_device(self.latents([drawn[row] for row in rows]), self.device)
            shares = self.head.drawn(positions[rows[:1]], self.device).expand(len(rows), -1, -1)
            result[rows] = self.head(latent, shares, self.words.expand(len(rows), -1)).cpu()
        return result

    def _together(self, positions: Int[Tensor, " n"]) -> list[list[int]]:
        """The rows that are read at once: one by one on the CPU, elsewhere those with equally many codes."""
        if self.device.type == "cpu":
            return [[row] for row in range(len(positions))]
        return [torch.nonzero(positions == count)[:, 0].tolist() for count in positions.unique()]

    def select(self, rows: Int[Tensor, " m"]) -> None:
        """As many rows."""
        self.rows = len(rows)
