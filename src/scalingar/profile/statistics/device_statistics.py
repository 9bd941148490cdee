"""The statistics of one step's logits on an accelerator: the same numbers as on the CPU, without waiting for any."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.statistics.guidance import guide
from scalingar.profile.statistics.kth_largest import kth_largest
from scalingar.profile.statistics.scale_statistics import ScaleStatistics
from scalingar.profile.statistics.token_statistics import (
    LOG_FLOOR,
    Distribution,
    TokenStatistics,
    normalized_entropy,
    token_uncertainty,
    unless_broken,
)


@dataclass(frozen=True)
class DeviceStatistics:
    """A function of logits and guidance scales; equal configurations are the same function.

    ``top_k``: k of Eq. (4), clipped to the vocabulary.
    """

    distribution: Distribution
    top_k: int

    def __call__(
        self, logits: Float[Tensor, "c n *l v"], guidance_scale: Float[Tensor, "*p n"]
    ) -> Float[Tensor, "4 n"]:
        """Entropy, margin, DeepConf and K of every row, means over its codes.

        See :func:`scalingar.profile.statistics.token_statistics.token_statistics`.
        """
        branches = logits[:2].float().log_softmax(-1).clamp_min(LOG_FLOOR)
        conditional, unconditional = branches[0], branches[-1]
        drawn_from = conditional
        if len(logits) > 1 and self.distribution == "guided":
            guided = guide(branches if len(logits) == 2 else logits.float(), guidance_scale)
            drawn_from = guided.log_softmax(-1).clamp_min(LOG_FLOOR)
        if len(logits) == 3:
            drawn_from = unless_broken(drawn_from, logits[2])
        numbers = (
            -(drawn_from.exp() * drawn_from).sum(-1),
            drawn_from.amax(-1).exp() - kth_largest(drawn_from, 2).exp(),
            -_mean_of_largest(drawn_from, min(self.top_k, logits.shape[-1])),
            (conditional.exp() * (conditional - unconditional)).sum(-1).clamp_min(0),
        )
        return torch.stack(numbers).flatten(2).mean(-1) if logits.ndim > 3 else torch.stack(numbers)


def _mean_of_largest(values: Float[Tensor, "n *l v"], k: int) -> Float[Tensor, " n *l"]:
    """Mean of the k largest of the last axis."""
    smallest = kth_largest(values, k)[..., None]
    larger = values > smallest
    surplus = torch.where(larger, values - smallest, 0.0).sum(-1)
    return smallest[..., 0] + surplus / k


def drawn_log_p(logits: Float[Tensor, "c n *l v"], codes: Int[Tensor, " n *l"]) -> Float[Tensor, "2 n"]:
    """ln p(x|c) and ln p(x|∅) of the codes drawn, in nats, summed over a row's codes; equal without guidance."""
    logits = logits[:2]
    drawn = logits.gather(-1, codes.expand(len(logits), *codes.shape)[..., None])[..., 0]
    log_p = (drawn - logits.logsumexp(-1)).clamp_min(LOG_FLOOR)
    log_p = log_p.flatten(2).sum(-1) if log_p.ndim > 2 else log_p
    return log_p if len(log_p) == 2 else log_p.repeat(2, 1)


def token_statistics(numbers: Float[np.ndarray, "4 n"], vocabulary: int) -> TokenStatistics:
    """From the numbers of :class:`DeviceStatistics`."""
    entropy, margin, deepconf, kl = numbers
    return TokenStatistics(entropy, normalized_entropy(entropy, vocabulary), margin, deepconf, kl)


def scale_statistics(numbers: Float[np.ndarray, "4 n"], vocabulary: int, config: ProfileConfig) -> ScaleStatistics:
    """From the numbers of :class:`DeviceStatistics`; u of Eq. (5) is linear in their means."""
    entropy, margin, deepconf, kl = numbers
    uncertainty = token_uncertainty(
        normalized_entropy(entropy, vocabulary),
        margin,
        alpha_entropy=config.alpha_entropy,
        alpha_margin=config.alpha_margin,
    )
    return ScaleStatistics(entropy, margin, deepconf, kl, 1 - uncertainty)
