"""Entropy over a picture."""

import matplotlib
import numpy as np
from PIL import Image

from scalingar.core.outputs import Candidate

_OPACITY = 200


def entropy_overlay(candidate: Candidate, grid: tuple[int, int], most: float, first: int = 0) -> Image.Image | None:
    """A pixel per token of a next-token model, from dark (0) to light (``most`` nats); clear where none is drawn.

    ``first``: tokens drawn before those of the grid, as of a preview. None if no entropy was traced.
    """
    entropy = candidate.trace.get("entropy", np.empty(0, np.float32))[first : len(candidate.codes)]
    entropy = entropy[: grid[0] * grid[1]]
    known = np.isfinite(entropy)
    if not known.any():
        return None
    cells = np.zeros((grid[0] * grid[1], 4), np.uint8)
    shades = matplotlib.colormaps["magma"](np.where(known, entropy, 0.0) / most, bytes=True)
    cells[: len(entropy)][known] = shades[known]
    cells[: len(entropy), 3][known] = _OPACITY
    return Image.fromarray(cells.reshape(*grid, 4))


def most_entropy(candidates: list[Candidate]) -> float:
    """The highest entropy of all; 1 where there is none."""
    values = [candidate.trace.get("entropy", np.empty(0, np.float32)) for candidate in candidates]
    known = np.concatenate([column[np.isfinite(column)] for column in values]) if values else np.empty(0)
    return float(known.max()) if len(known) and known.max() > 0 else 1.0
