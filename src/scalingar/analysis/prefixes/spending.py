"""What cutting all but the best of 8 prefixes is good for, if rewards are normal and the value is perfect.

Gains are shares of what the best of 8 complete images gains over one.
"""

import math
from functools import cache

import numpy as np
from jaxtyping import Float

from scalingar.analysis.outcomes.outcome import SEED

N = 8
"""Of the Best-of-N that is compared with."""
KEPT = (4, 2, 1)
DRAWS = 50_000


@cache
def _normal() -> tuple[Float[np.ndarray, "r n"], Float[np.ndarray, "r n"]]:
    """Standard normal numbers for prefixes and for what follows them."""
    rng = np.random.default_rng(SEED)
    return rng.standard_normal((DRAWS, N)), rng.standard_normal((DRAWS, N))


@cache
def expected_best() -> Float[np.ndarray, " n"]:
    """Mean of the highest of n independent standard normal numbers, for n from 1 to 8."""
    grid = np.linspace(-9, 9, 36_001)
    below = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in grid])
    counts = np.arange(1, N + 1)
    # E max = ∫ (1[x > 0] − Φ(x)^n) dx
    return np.array([(np.heaviside(grid, 0.5) - below**n).sum() * (grid[1] - grid[0]) for n in counts])


def gain_of_complete(images: float) -> float:
    """What the best of so many complete images gains over one, as a share of what the best of 8 gains.

    Between two whole numbers some prompts get the one and some the other.
    """
    best = expected_best()
    return float(np.interp(images, np.arange(1, N + 1), best) / best[N - 1])


@cache
def gain_of_cutting(rho: float, kept: int) -> float:
    """What is gained by the best of the ``kept`` most valuable of 8 prefixes, as a share of what the best of 8 gains.

    The value is perfect, a prefix's mean reward, and rewards are normal: a simulation.
    """
    rho = min(max(rho, 0.0), 1.0)
    means, rest = _normal()
    means = math.sqrt(rho) * means
    best = np.argpartition(-means, kept - 1, 1)[:, :kept] if kept < N else np.arange(N)[None]
    rewards = means + math.sqrt(1 - rho) * rest
    return float(np.take_along_axis(rewards, best, 1).max(1).mean() / rewards.max(1).mean())


def cost_of_cutting(tokens: float, kept: int) -> float:
    """Tokens as a share of the best of 8's, where a prefix has this share of an image's."""
    return tokens + kept / N * (1 - tokens)
