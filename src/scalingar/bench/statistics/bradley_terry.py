"""Strengths from comparisons by twos (Bradley & Terry 1952)."""

import numpy as np
from jaxtyping import Float

VIRTUAL = 0.5
"""Wins that either side of a compared pair is given beforehand: one that never lost would be infinitely strong.

They are a prior: of the log odds of each compared pair in proportion to √(p (1 − p)), a Beta(½, ½) of p.
"""
_STEPS, _CLOSE = 10_000, 1e-9


def bradley_terry(wins: Float[np.ndarray, "r m m"]) -> Float[np.ndarray, "r m"]:
    """Log strengths β with mean 0 from ``wins[:, a, b]``, how often a was preferred to b (ties half to each).

    P(a over b) = 1 / (1 + exp(β_b − β_a)). The mode of the posterior under the prior of :data:`VIRTUAL` wins for either
    side of each compared pair, which is the maximum of the likelihood with these wins added: it lies nearer to equal
    strengths than the maximum of the likelihood alone. Found by Hunter's MM algorithm (2004, "MM algorithms for
    generalized Bradley-Terry models", Eq. 3): γ_a ← W_a / Σ_b n_ab / (γ_a + γ_b). NaN where the comparisons do not
    connect all entries with each other.
    """
    compared = wins + wins.transpose(0, 2, 1) > 0
    given = wins + VIRTUAL * compared
    played, won = given + given.transpose(0, 2, 1), given.sum(2)
    strengths = np.ones(won.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        for _ in range(_STEPS):
            after = won / (played / (strengths[:, :, None] + strengths[:, None, :])).sum(2)
            after /= np.exp(np.log(after).mean(1, keepdims=True))
            moved = np.nanmax(np.abs(np.log(after) - np.log(strengths)), initial=0.0)
            strengths = after
            if moved < _CLOSE:
                break
        beta = np.log(strengths)
    beta[~_connected(compared)] = np.nan
    return beta


def _connected(compared: np.ndarray) -> np.ndarray:
    """Whether everything is compared with everything else, directly or through others."""
    m = compared.shape[1]
    reached = compared | np.eye(m, dtype=bool)
    for _ in range(max(1, int(np.ceil(np.log2(m)))) if m > 1 else 0):
        reached = np.matmul(reached.astype(np.int64), reached.astype(np.int64)) > 0
    connected: np.ndarray = np.all(reached, axis=(1, 2))
    return connected
