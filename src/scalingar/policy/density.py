"""How close draws of one scale lie to each other: VAR-Scaling's density (arXiv 2601.07293)."""

import numpy as np
from jaxtyping import Float


def densities(vectors: Float[np.ndarray, "n l c"]) -> Float[np.ndarray, " n"]:
    """Σ over positions of the mean Gaussian kernel between a draw's code vector and those of all draws.

    Its bandwidth is (n (c + 2) / 4)^(-1 / (c + 4)) · the standard deviation of all numbers (chosen: of all together).
    """
    count, _, channels = vectors.shape
    width = (count * (channels + 2) / 4) ** (-1 / (channels + 4)) * vectors.std()
    total = np.zeros(count)
    for place in np.moveaxis(vectors.astype(np.float64), 1, 0):
        gaps = ((place[:, None] - place[None]) ** 2).sum(-1)
        total += np.exp(-gaps / (2 * max(width, 1e-12) ** 2)).mean(1)
    return total


def rank_weights(count: int) -> Float[np.ndarray, " k"]:
    """count, …, 2, 1 as shares."""
    weights = np.arange(count, 0, -1, dtype=np.float64)
    return weights / weights.sum()
