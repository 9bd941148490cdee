"""The potentials of TTS-VAR's resampling: scores from a trajectory's rewards so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from jaxtyping import Float

from scalingar.profile.row_state import RowState

Potential = Literal["value", "diff", "max", "sum", "topk", "uniform"]


@dataclass(frozen=True, eq=False)
class RewardHistory(RowState):
    """The rewards of ``n`` trajectories at the scored scales. A copy has those of its ancestor."""

    rewards: Float[np.ndarray, "n k"]
    """One column per scored scale, oldest first; fp64."""

    @classmethod
    def start(cls, n: int) -> Self:
        """No scale scored."""
        return cls(np.empty((n, 0)))

    def record(self, rewards: Float[np.ndarray, " n"]) -> Self:
        """The history with one more scale."""
        return type(self)(np.concatenate([self.rewards, np.asarray(rewards, np.float64)[:, None]], axis=1))


def log_potential(
    potential: Potential, history: RewardHistory, inverse_temperature: float, topk: int = 1
) -> Float[np.ndarray, " n"]:
    """TTS-VAR: ln w of every trajectory, w = exp(λ · score), from all rewards r_0 … r_s so far; fp64.

    Scores are over the scored scales, the current one last; ``topk`` is the k of that potential.

    Raises:
        ValueError: nothing is scored yet.
    """
    if history.rewards.shape[1] == 0:
        raise ValueError("a potential needs at least one scored scale")
    scores = {
        "value": value,
        "diff": difference,
        "max": maximum,
        "sum": total,
        "topk": lambda rewards: largest(rewards, topk),
        "uniform": lambda rewards: np.zeros(len(rewards)),
    }
    return inverse_temperature * scores[potential](history.rewards)


def value(rewards: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """TTS-VAR, VALUE: r_s."""
    return rewards[:, -1]


def difference(rewards: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """TTS-VAR, DIFF: r_s − r_{s−1}, s − 1 the last scored scale (chosen); VALUE at the first."""
    return rewards[:, -1] - rewards[:, -2] if rewards.shape[1] > 1 else value(rewards)


def maximum(rewards: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """TTS-VAR, MAX: max_j r_j."""
    return rewards.max(axis=1)


def total(rewards: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """TTS-VAR, SUM: Σ_j r_j."""
    return rewards.sum(axis=1)


def largest(rewards: Float[np.ndarray, "n k"], count: int) -> Float[np.ndarray, " n"]:
    """The released code's ``topk_k``: sum of the k largest r_j, or of all while there are fewer."""
    return np.sort(rewards, axis=1)[:, -count:].sum(axis=1)
