"""Made-up rewards with a known intraclass correlation."""

import numpy as np
from jaxtyping import Float


def normal_rewards(rho: float, prompts: int = 500, prefixes: int = 4) -> Float[np.ndarray, "p k m"]:
    """Standard normal within a prompt, each prompt with a mean of its own."""
    rng = np.random.default_rng(7)
    means = np.sqrt(rho) * rng.standard_normal((prompts, prefixes, 1))
    rest = np.sqrt(1 - rho) * rng.standard_normal((prompts, prefixes, 4))
    return 5 * rng.standard_normal((prompts, 1, 1)) + means + rest
