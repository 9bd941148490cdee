"""The control of an allocation: a kernel density of each image's own rewards, as AdaBoN estimates it."""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

PRIOR = 4.0
"""Draws that the spread of all images counts as beside an image's own spread."""
_FIRST, _SHARE = 1, 1 / 16


def taken_by_kernel_density(rewards: Float[np.ndarray, "i n"], budget: float) -> Int[np.ndarray, " i"]:
    """How many of n trajectories each image gets by the largest expected rise (arXiv 2505.12050).

    Gaussian kernels with Scott's bandwidth; the spread of few draws is shrunk towards that within all images:
    s² = ((n - 1) s_i² + ν s̄²) / (n - 1 + ν).
    """
    images, most = rewards.shape
    taken, pooled = np.full(images, _FIRST), rewards.var(axis=1, ddof=1).mean()
    while (left := int(budget * images + 1e-9) - int(taken.sum())) > 0 and (taken < most).any():
        rise = np.where(taken < most, _expected_rise(rewards, taken, float(pooled)), -1.0)
        open_ = int((taken < most).sum())
        order = np.argsort(-rise, kind="stable")
        taken[order[: min(left, open_, max(1, int(_SHARE * images)))]] += 1
    return taken


def _expected_rise(
    rewards: Float[np.ndarray, "i n"], taken: Int[np.ndarray, " i"], pooled: float
) -> Float[np.ndarray, " i"]:
    """E[max(R - best, 0)] under the kernel density of each image's first ``taken`` rewards."""
    seen = np.arange(rewards.shape[1]) < taken[:, None]
    best = np.where(seen, rewards, -np.inf).max(axis=1, keepdims=True)
    mean = np.where(seen, rewards, 0).sum(axis=1) / taken
    squares = (np.where(seen, rewards - mean[:, None], 0) ** 2).sum(axis=1)
    width = np.sqrt((squares + PRIOR * pooled) / (taken - 1 + PRIOR)) * 1.06 * taken**-0.2
    z = (rewards - best) / width[:, None]
    above = (rewards - best) * ndtr(z) + width[:, None] * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    rise: np.ndarray = np.where(seen, above, 0).sum(axis=1) / taken
    return rise
