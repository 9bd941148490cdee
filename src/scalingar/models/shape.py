"""How large a transformer is, known from its published sizes alone: what it will take before anything is loaded."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Shape:
    """``scales``: grids that a trajectory draws, of a next-token model the only one. ``next_scale``: one step each.

    ``condition_tokens``: slots of the cache before the image. ``cached``: numbers in the cache per slot and branch.
    """

    scales: tuple[tuple[int, int], ...]
    next_scale: bool
    parameters: int
    condition_tokens: int
    cached: int

    @property
    def tokens(self) -> int:
        """Of one whole trajectory."""
        return sum(height * width for height, width in self.scales)

    @property
    def steps(self) -> int:
        """Of one whole trajectory."""
        return len(self.scales) if self.next_scale else self.tokens

    def cache_bytes(self, dtype: torch.dtype, *, branches: int) -> int:
        """Of one trajectory that is drawn to its end with so many branches."""
        return self.cached * (self.condition_tokens + self.tokens) * dtype.itemsize * branches


def count_parameters(make: Callable[[], nn.Module]) -> int:
    """Of the module that ``make`` makes, without memory for them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make().parameters())
