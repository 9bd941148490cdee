"""Running signals beyond the paper, free from the logits a step has anyway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.profile.rows import RowState, as_array
from scalingar.profile.token import TokenStatistics

GROUP = 32
"""Steps in a group of the lowest group confidence."""

_TOTALS = ("pmi", "log_likelihood", "entropy", "deepconf", "confidence")


@dataclass(frozen=True, eq=False)
class Signals(RowState):
    """Sums and windows over the steps of `n` trajectories, from which `values` reads signals."""

    device: torch.device | str
    """Where `values` hands out tensors; the state itself lives on the CPU."""
    steps: int
    totals: Float[np.ndarray, "n 5"]
    """Sums over steps of `_TOTALS`."""
    recent: Float[np.ndarray, "n w"]
    """DeepConf of the last w ≤ 32 steps, oldest first."""
    lowest: Float[np.ndarray, " n"]
    """Smallest group mean of DeepConf so far."""
    final: Float[np.ndarray, " n"]
    """C of the last step."""

    @classmethod
    def start(cls, n: int, device: torch.device | str = "cpu") -> Signals:
        """No step seen, for `n` trajectories."""
        unknown = np.full(n, np.nan, np.float32)
        # Sums over a thousand steps are kept in fp64.
        return cls(device, 0, np.zeros((n, len(_TOTALS))), np.empty((n, 0), np.float32), unknown, unknown)

    def update(
        self,
        stats: TokenStatistics,
        confidence: Float[Tensor, " n"],
        drawn: Int[Tensor, " n"],
    ) -> Signals:
        """The signals after a step.

        Args:
            stats: the step's statistics `(n,)`.
            confidence: C_t `(n,)`.
            drawn: the tokens drawn, `(n,)` of int64.
        """
        log_p, log_p_unconditional = as_array(stats.drawn(drawn))
        entropy, _, _, deepconf, _ = stats.arrays
        final = as_array(confidence)
        step = np.stack([log_p - log_p_unconditional, log_p, entropy, deepconf, final], axis=1)
        recent = np.concatenate([self.recent, deepconf[:, None]], axis=1)[:, -GROUP:]
        lowest = recent.mean(-1)
        # Only full groups compete; until the first one, the mean so far stands for it.
        if self.steps >= GROUP:
            lowest = np.minimum(self.lowest, lowest)
        return Signals(self.device, self.steps + 1, self.totals + step, recent, lowest, final)

    def values(self) -> dict[str, Float[Tensor, " n"]]:
        """The signals by name, each `(n,)`; before the first step NaN, the PMI 0.

        * pmi: Σ_t [ln p(x_t|c) − ln p(x_t|∅)] in nats, how much the drawn tokens owe the prompt.
        * log_likelihood: mean ln p(x_t|c) of the drawn tokens, in nats.
        * entropy, deepconf: means of Eqs. (3) and (4) in nats.
        * confidence, final_confidence: mean and last C of Eq. (11).
        * lowest_group_confidence: smallest mean of DeepConf over 32 consecutive steps, in nats
          (over all steps while there are fewer).
        """
        means = self.totals / (self.steps or np.nan)
        signals = dict(zip(_TOTALS, means.T, strict=True))
        signals["pmi"] = self.totals[:, _TOTALS.index("pmi")]
        signals["lowest_group_confidence"] = self.lowest
        signals["final_confidence"] = self.final
        return {name: torch.from_numpy(value.astype(np.float32)).to(self.device) for name, value in signals.items()}
