"""What a search is told of the run it decides for."""

from dataclasses import dataclass
from typing import Literal

Family = Literal["next-token", "next-scale"]
BOTH_FAMILIES: tuple[Family, ...] = ("next-token", "next-scale")


@dataclass(frozen=True)
class Setting:
    """The base guidance scale and seed of one prompt, and the model's grid.

    ``grid``: rows and columns of tokens; of a next-scale model those of its last scale.
    ``scales``: of a next-scale model the grid of every scale, coarse to fine; else empty.
    """

    grid: tuple[int, int]
    guidance_scale: float
    seed: int
    scales: tuple[tuple[int, int], ...] = ()

    @property
    def total_steps(self) -> int:
        """Steps of a finished image: tokens, or scales."""
        return len(self.scales) or self.grid[0] * self.grid[1]
