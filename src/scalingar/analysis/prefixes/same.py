"""Rewards of a prompt as they are compared: without an offset; their means are equal within the last digits.

Rewards come rounded, and those that are equal are so to the bit. Sums of the same rewards are not.
"""

import numpy as np
from jaxtyping import Float

Rewards = Float[np.ndarray, "p k m"]
"""Of the M completions of each of K prefixes of a prompt."""


def without_offset(rewards: Rewards) -> Rewards:
    """Less the first of each prompt, so that what is computed of equal rewards is exactly 0."""
    return rewards - rewards[:, :1, :1]


def scale_of(rewards: Rewards) -> Float[np.ndarray, "p 1 1"]:
    """The largest difference from each prompt's first reward; a small share of it is no difference between means.

    ``rewards``: of :func:`without_offset`. The share is that of ``profile/rounding``. So offset and scale of a reward
    decide no tie.
    """
    return np.abs(rewards).max((1, 2), keepdims=True)
