"""Statistics of one step's logits on the CPU: entropy, margin, DeepConf, divergence from the unconditional branch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.profile.row_state import RowState, as_array
from scalingar.profile.statistics.guidance import Scale, guide

Distribution = Literal["guided", "conditional"]
Smoothed = TypeVar("Smoothed", np.ndarray, float, np.ndarray | float)

# The smallest log-probability kept, e⁻⁷⁰ ≈ 4·10⁻³¹. It is finite, so that a masked token adds 0 to
# every sum in place of 0 · ln 0, and far from fp32's denormal numbers, on which a CPU computes
# ten times slower. It bounds K_t by 70 nats.
LOG_FLOOR = -70.0


@dataclass(frozen=True, eq=False)
class StepDistributions:
    """A step's distributions over the vocabulary, as log-probabilities of at least -70, in fp32.

    `branches`: ln softmax of ℓ_c and, with guidance, of ℓ_u, `(c, n, v)`; not of a second prompt's.
    `drawn_from`: ln π_t `(n, v)`, from which the statistics are computed.
    """

    branches: Float[np.ndarray, "c n v"]
    drawn_from: Float[np.ndarray, "n v"]

    def log_p(self, rows: Int[np.ndarray, " m"], tokens: Int[Tensor, " m"]) -> Float[np.ndarray, "2 m"]:
        """ln p(x_t|c) and ln p(x_t|∅) of the tokens drawn in `rows`, in nats; equal without guidance."""
        log_p = self.branches[:, rows, as_array(tokens)]
        return log_p if len(log_p) == 2 else np.repeat(log_p, 2, axis=0)


@dataclass(frozen=True, eq=False)
class TokenStatistics(RowState):
    """The statistics of one step's logits that the profile uses, fp32 on the CPU: `(n,)`, in a replay `(…, n)`."""

    entropy: Float[np.ndarray, "*images n"]
    """H_t in nats, Eq. (3)."""
    normalized_entropy: Float[np.ndarray, "*images n"]
    """H_t / ln V in [0, 1]."""
    margin: Float[np.ndarray, "*images n"]
    """m_t, probability of the likeliest token minus that of the second, in [0, 1]."""
    deepconf: Float[np.ndarray, "*images n"]
    """DeepConf confidence in nats, Eq. (4); higher is more certain."""
    kl: Float[np.ndarray, "*images n"]
    """K_t in nats, Eq. (9); zero when there are no unconditional logits."""


def step_distributions(
    logits: Float[Tensor, "c n v"],
    *,
    guidance_scale: Scale,
    distribution: Distribution,
) -> StepDistributions:
    """The distributions of one step's raw logits, before temperature and filters.

    Args:
        logits: ℓ_c, with guidance ℓ_u, and those of a second prompt: `(1, n, v)` to `(3, n, v)`, any float
            type; computed in fp32. -inf marks a masked token, which only one or two branches may have.
            Without ℓ_u, π_t is the conditional distribution whatever `distribution` says.
        guidance_scale: s, one number or one per row `(n,)`; with a second prompt both scales `(2, n)`.
        distribution: what π_t is: softmax of the guided logits, without a second prompt ℓ_u + s(ℓ_c − ℓ_u),
            or of ℓ_c. The paper does not say which; guided is this project's default.

    Raises:
        ValueError: the shape is not one to three times `(n, v)` with at least two tokens.
    """
    if logits.ndim != 3 or len(logits) not in (1, 2, 3) or logits.shape[2] < 2:
        raise ValueError(f"logits must be (1, n, v) to (3, n, v) with v >= 2, not {tuple(logits.shape)}")
    # Both branches in one pass: on few rows the cost is in calls, not in arithmetic.
    branches = log_probabilities(logits[:2])
    drawn_from = branches[0]
    if len(logits) > 1 and distribution == "guided":
        scale = guidance_scale if isinstance(guidance_scale, float) else torch.as_tensor(guidance_scale)
        drawn_from = log_probabilities(guide(branches if len(logits) == 2 else logits.float(), scale))
    if len(logits) == 3:
        drawn_from = unless_broken(drawn_from, logits[2])
    return StepDistributions(as_array(branches), as_array(drawn_from))


def unless_broken(log_probs: Float[Tensor, "n v"], second: Float[Tensor, "n v"]) -> Float[Tensor, "n v"]:
    """NaN in rows where a second prompt's logits are not all finite: it may guide the very draw that comes next."""
    return torch.where(second.isfinite().all(-1, keepdim=True), log_probs, torch.nan)


def token_statistics(distributions: StepDistributions, deepconf_top_k: int) -> TokenStatistics:
    """The statistics of one step, on the CPU.

    `deepconf_top_k` is k of Eq. (4), clipped to the vocabulary. A row with a NaN logit, or without a finite one, has
    NaN statistics; other rows are not affected.
    """
    log_probs = distributions.drawn_from
    vocabulary = log_probs.shape[-1]
    k = min(deepconf_top_k, vocabulary)
    entropy = token_entropy(log_probs)
    top = _largest(log_probs, max(k, 2))
    likeliest = np.exp(top[:, -2:])
    return TokenStatistics(
        entropy=entropy,
        normalized_entropy=normalized_entropy(entropy, vocabulary),
        margin=likeliest[:, 1] - likeliest[:, 0],
        deepconf=deepconf_confidence(top[:, -k:]),
        kl=conditional_divergence(distributions.branches[0], distributions.branches[-1]),
    )


def log_probabilities(logits: Float[Tensor, "*n v"]) -> Float[Tensor, "*n v"]:
    """ln softmax of raw logits in fp32, at least -70 also for masked (-inf) tokens."""
    return torch.log_softmax(logits, -1, dtype=torch.float32).clamp_min_(LOG_FLOOR)


def token_entropy(log_probs: Float[np.ndarray, "n v"]) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (3): H_t = −Σ_v π_t(v) ln π_t(v).  Nats; 0 = certain, ln V = uniform.

    `log_probs` are ln π_t `(n, v)` from `log_probabilities`.
    """
    return -np.vecdot(np.exp(log_probs), log_probs)


def normalized_entropy(entropy: Float[np.ndarray, "*n"], vocabulary: int) -> Float[np.ndarray, "*n"]:
    """H_t / ln V in [0, 1], of nats."""
    return entropy / np.float32(math.log(vocabulary))


def deepconf_confidence(top_log_probs: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (4): C_t = −(1/k) Σ_{v∈top-k} ln π_t(v).  Nats; higher = more certain.

    `top_log_probs` are the k largest values of ln π_t. A signal for analysis; the method does not use it.
    """
    return -np.add.reduce(top_log_probs, axis=1) / np.float32(top_log_probs.shape[1])


def token_uncertainty(
    normalized_entropy: Float[np.ndarray, "*n"],
    margin: Float[np.ndarray, "*n"],
    *,
    alpha_entropy: float,
    alpha_margin: float,
) -> Float[np.ndarray, "*n"]:
    """ScalingAR, Eq. (5): u_t = α_H · H_t / ln V + α_M · (1 − m_t).  0 = certain, 1 = undecided."""
    return alpha_entropy * normalized_entropy + alpha_margin * (1 - margin)


def ema(previous: Smoothed | None, value: Smoothed, rate: float) -> Smoothed:
    """ScalingAR, Eqs. (6), (8), (10), (13): x ← (1 − λ)·x + λ·value, λ = `rate`; without `previous`, the value."""
    return value if previous is None else previous + rate * (value - previous)


def conditional_divergence(
    conditional: Float[np.ndarray, "n v"], unconditional: Float[np.ndarray, "n v"]
) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (9), first half: K_t = KL(softmax ℓ_c ‖ softmax ℓ_u).  Nats, fp32, ≥ 0.

    Both arguments are log-probabilities `(n, v)` from `log_probabilities`.
    """
    return np.maximum(np.vecdot(np.exp(conditional), conditional - unconditional), 0)


def _largest(values: Float[np.ndarray, "n v"], k: int) -> Float[np.ndarray, "n k"]:
    """The k largest values of each row, ascending, in a third of the time of PyTorch's topk."""
    top = np.partition(values, -k, axis=1)[:, -k:]
    top.sort(axis=1)
    return top
