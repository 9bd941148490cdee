"""The setting of a search: grid, guidance scale and seed of its image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from scalingar.decoding.decoder import Decoder


@dataclass(frozen=True)
class Setting:
    """Grid, base guidance scale and seed of one image.

    ``grid``: rows and columns of tokens; of a next-scale model those of its last scale.
    ``scales``: the grid of every scale of a next-scale model, coarse to fine; else empty.
    ``vocab_size``: values that a code can have.
    ``code_vectors``: of a next-scale model, code vectors ``(n, l, e)`` of codes ``(n, l, g)``; None where no model is.
    ``preview``: the grid of the codes that a next-token model draws first, the whole picture at low resolution; None:
    it draws none.
    """

    grid: tuple[int, int]
    guidance_scale: float
    seed: int
    scales: tuple[tuple[int, int], ...] = ()
    vocab_size: int = 0
    code_vectors: Callable[[Tensor], Tensor] | None = field(default=None, repr=False, compare=False)
    preview: tuple[int, int] | None = None

    @classmethod
    def of(cls, decoder: Decoder, guidance_scale: float, seed: int) -> Setting:
        """That of an image which this decoder draws."""
        return cls(
            decoder.grid,
            guidance_scale,
            seed,
            decoder.scales,
            decoder.vocab_size,
            decoder.vectors,
            decoder.preview,
        )

    @property
    def total_steps(self) -> int:
        """Steps of a finished image: tokens, or scales."""
        return len(self.scales) or self.preview_steps + self.grid[0] * self.grid[1]

    @property
    def preview_steps(self) -> int:
        """Steps of the preview; 0 without one."""
        return 0 if self.preview is None else self.preview[0] * self.preview[1]

    def tokens_until(self, step: int) -> int:
        """Tokens that the first ``step`` steps of a trajectory draw."""
        return sum(height * width for height, width in self.scales[:step]) if self.scales else step

    @property
    def step_name(self) -> str:
        """``step`` or ``scale``."""
        return "scale" if self.scales else "step"
