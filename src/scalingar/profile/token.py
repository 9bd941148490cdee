"""What one position's logits say: uncertainty, margin, and how much the prompt matters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.profile.rows import RowState, as_array

Distribution = Literal["guided", "conditional"]

# The smallest log-probability kept, e⁻⁷⁰ ≈ 4·10⁻³¹. It is finite, so that a masked token adds 0 to
# every sum in place of 0 · ln 0, and far from fp32's denormal numbers, on which a CPU computes
# ten times slower. It bounds K_t by 70 nats.
LOG_FLOOR = -70.0


@dataclass(frozen=True, eq=False)
class StepDistributions:
    """A step's distributions over the vocabulary, as log-probabilities `(n, v)` of at least -70, in fp32.

    `conditional`, `unconditional`: ln softmax of ℓ_c and ℓ_u; the same where there are no unconditional logits.
    `drawn_from`: ln π_t, what the statistics are of.
    """

    conditional: Float[Tensor, "n v"]
    unconditional: Float[Tensor, "n v"]
    drawn_from: Float[Tensor, "n v"]

    def of(self, rows: Int[Tensor, " m"], tokens: Int[Tensor, " m"]) -> Float[np.ndarray, "2 m"]:
        """ln p(x_t|c) and ln p(x_t|∅) of the tokens drawn in some rows (CPU), in nats."""
        rows = rows.to(tokens.device)
        return as_array(torch.stack([self.conditional[rows, tokens], self.unconditional[rows, tokens]]))


@dataclass(frozen=True, eq=False)
class TokenStatistics(RowState):
    """Everything the profile reads from one step's logits: numbers `(n,)` in fp32 on the CPU."""

    entropy: Float[np.ndarray, " n"]
    """H_t in nats, Eq. (3)."""
    normalized_entropy: Float[np.ndarray, " n"]
    """H_t / ln V in [0, 1]."""
    margin: Float[np.ndarray, " n"]
    """m_t, probability of the likeliest token minus that of the second, in [0, 1]."""
    deepconf: Float[np.ndarray, " n"]
    """DeepConf confidence in nats, Eq. (4); higher is more certain."""
    kl: Float[np.ndarray, " n"]
    """K_t in nats, Eq. (9); zero when there are no unconditional logits."""


def step_distributions(
    conditional: Float[Tensor, "n v"],
    unconditional: Float[Tensor, "n v"] | None,
    *,
    guidance_scale: float | Float[Tensor, " n"],
    distribution: Distribution,
) -> StepDistributions:
    """The distributions of one step's raw logits, before temperature and filters.

    Args:
        conditional: ℓ_c `(n, v)`, any float type; computed in fp32. -inf marks a masked token.
        unconditional: ℓ_u `(n, v)`, or None without guidance: then π_t is the conditional
            distribution whatever `distribution` says.
        guidance_scale: s, one number or one per row `(n,)`.
        distribution: what π_t is: softmax of the guided logits ℓ_u + s(ℓ_c − ℓ_u), or of ℓ_c.
            The paper does not say which; guided is this project's default.

    Raises:
        ValueError: the shapes are not two equal `(n, v)` with at least two tokens.
    """
    _check_shapes(conditional, unconditional)
    if unconditional is None:
        log_c = log_probabilities(conditional)
        return StepDistributions(log_c, log_c, log_c)
    # Both branches in one pass: on few rows a step pays for calls, not for arithmetic.
    log_c, log_u = log_probabilities(torch.cat([conditional, unconditional])).chunk(2)
    guided = _guided(log_c, log_u, guidance_scale) if distribution == "guided" else log_c
    return StepDistributions(log_c, log_u, guided)


def token_statistics(distributions: StepDistributions, deepconf_top_k: int) -> TokenStatistics:
    """The statistics of one step, moved to the CPU as one packed tensor (one synchronisation).

    `deepconf_top_k` is k of Eq. (4), clipped to the vocabulary. A row with a NaN logit, or with no finite one, gets
    NaN statistics; other rows are not touched.
    """
    log_probs, log_c, log_u = distributions.drawn_from, distributions.conditional, distributions.unconditional
    vocabulary = log_probs.shape[-1]
    k = min(deepconf_top_k, vocabulary)
    entropy = token_entropy(log_probs)
    kl = torch.zeros_like(entropy) if log_u is log_c else conditional_divergence(log_c, log_u)
    largest = _largest(log_probs, max(k, 2))
    numbers = as_array(torch.cat([entropy[:, None], kl[:, None], largest], dim=1))
    top = -np.sort(-numbers[:, 2:], axis=1)
    likeliest = np.exp(top[:, :2])
    return TokenStatistics(
        entropy=numbers[:, 0],
        normalized_entropy=numbers[:, 0] / np.float32(math.log(vocabulary)),
        margin=likeliest[:, 0] - likeliest[:, 1],
        deepconf=deepconf_confidence(top[:, :k]),
        kl=numbers[:, 1],
    )


def _largest(log_probs: Float[Tensor, "n v"], k: int) -> Float[Tensor, "n k"]:
    """The k largest values of each row, in any order."""
    if log_probs.device.type != "cpu":
        return log_probs.topk(k, sorted=False).values
    # A third of the time of PyTorch's topk.
    return torch.from_numpy(np.partition(as_array(log_probs), -k, axis=1)[:, -k:])


def log_probabilities(logits: Float[Tensor, "n v"]) -> Float[Tensor, "n v"]:
    """ln softmax of raw logits in fp32, at least -70 also for masked (-inf) tokens."""
    return logits.float().log_softmax(-1).clamp_min(LOG_FLOOR)


def token_entropy(log_probs: Float[Tensor, "n v"]) -> Float[Tensor, " n"]:
    """ScalingAR, Eq. (3): H_t = −Σ_v π_t(v) ln π_t(v).  Nats; 0 = certain, ln V = uniform.

    `log_probs` are ln π_t `(n, v)` as `log_probabilities` makes them.
    """
    return -torch.linalg.vecdot(log_probs.exp(), log_probs)


def deepconf_confidence(top_log_probs: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (4): C_t = −(1/k) Σ_{v∈top-k} ln π_t(v).  Nats; higher = more certain.

    `top_log_probs` are the k largest values of ln π_t. The method itself does not use this
    number; it is a signal for analysis.
    """
    return -np.add.reduce(top_log_probs, axis=1) / np.float32(top_log_probs.shape[1])


def token_uncertainty(
    normalized_entropy: Float[np.ndarray, " n"],
    margin: Float[np.ndarray, " n"],
    *,
    alpha_entropy: float,
    alpha_margin: float,
) -> Float[np.ndarray, " n"]:
    """ScalingAR, Eq. (5): u_t = α_H · H_t / ln V + α_M · (1 − m_t).  0 = certain, 1 = undecided."""
    return alpha_entropy * normalized_entropy + alpha_margin * (1 - margin)


def ema(previous: np.ndarray | np.floating, value: np.ndarray | np.floating, rate: float) -> np.ndarray:
    """ScalingAR, Eqs. (6), (8), (10), (13): x ← (1 − λ)·x + λ·value; the first value as it is.

    A NaN in `previous` means that the entry has no value yet. Any shape, λ = `rate` in [0, 1].
    """
    return np.where(np.isnan(previous), value, previous + rate * (value - previous))


def conditional_divergence(
    conditional: Float[Tensor, "n v"], unconditional: Float[Tensor, "n v"]
) -> Float[Tensor, " n"]:
    """ScalingAR, Eq. (9), first half: K_t = KL(softmax ℓ_c ‖ softmax ℓ_u).  Nats, fp32, ≥ 0.

    Both arguments are log-probabilities `(n, v)` as `log_probabilities` makes them.
    """
    return torch.linalg.vecdot(conditional.exp(), conditional - unconditional).clamp_min(0)


def arsample_temperature(entropy: Float[Tensor, " n"], base: float) -> Float[Tensor, " n"]:
    """ARsample: T = T₀ · (2.5·exp(−H/3) + 0.6).  Hotter where the model is certain.

    `entropy` is H_t in nats, T₀ = `base`. A control that costs no token; not part of ScalingAR.
    """
    return base * (2.5 * torch.exp(-entropy / 3) + 0.6)


def _guided(conditional: Tensor, unconditional: Tensor, guidance_scale: float | Tensor) -> Float[Tensor, "n v"]:
    """ln softmax of ℓ_u + s(ℓ_c − ℓ_u), LlamaGen's convention: s = 1 is the conditional one.

    Log-probabilities serve as logits: they differ from them by a constant of the row.
    """
    if isinstance(guidance_scale, Tensor):
        guidance_scale = guidance_scale.to(conditional).reshape(-1, 1)
    logits = torch.lerp(unconditional, conditional, guidance_scale)
    # Strong guidance drives most tokens below the floor; raising them before the softmax keeps
    # it from computing denormal numbers.
    return logits.clamp_min(logits.amax(-1, keepdim=True) + LOG_FLOOR).log_softmax(-1)


def _check_shapes(conditional: Tensor, unconditional: Tensor | None) -> None:
    if conditional.ndim != 2 or conditional.shape[1] < 2:
        raise ValueError(f"logits must be (n, v) with v >= 2, not {tuple(conditional.shape)}")
    if unconditional is not None and unconditional.shape != conditional.shape:
        raise ValueError(
            f"unconditional logits are {tuple(unconditional.shape)}, conditional ones {tuple(conditional.shape)}"
        )
