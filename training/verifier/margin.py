"""Means over prompts with their margins."""

import math

import numpy as np
from jaxtyping import Float


def with_margin(shares: Float[np.ndarray, " p"]) -> str:
    """The mean in percent, ± half of its 95 % interval, the deviation being that of a sample."""
    half = 1.96 * shares.std(ddof=1) / math.sqrt(len(shares))
    return f"{shares.mean():.1%} ± {half:.1%}"
