"""From guided logits to codes: temperature, top-k, top-p, and a draw as a race of exponentials."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.device_noise import device_exponential
from scalingar.profile.statistics.guidance import guide
from scalingar.profile.statistics.kth_largest import kth_largest

MIN_TEMPERATURE = 1e-5


def filter_logits(logits: Float[Tensor, "n v"], config: SamplingConfig) -> Float[Tensor, "n v"]:
    """Scaled by temperature, and -inf where top-k or top-p removes a code."""
    temperature = max(config.temperature, MIN_TEMPERATURE)
    logits = logits / (temperature * entropy_factor(logits) if config.entropy_temperature else temperature)
    if config.top_k:
        logits = top_k(logits, config.top_k)
    if config.top_p < 1.0:
        logits = top_p(logits, config.top_p)
    return logits


def entropy_factor(logits: Float[Tensor, "n v"]) -> Float[Tensor, "n 1"]:
    """ARsample (arXiv 2510.09012): 2.5 exp(-H / 3) + 0.6 of guided logits, H their entropy in nats at temperature 1.

    The less is open, the hotter: 3.1 where one code is certain, 0.6 where all are equal among very many.
    """
    log_p = logits.log_softmax(-1)
    entropy = -torch.xlogy(log_p.exp(), log_p.exp()).sum(-1, keepdim=True)
    return 2.5 * torch.exp(-entropy / 3) + 0.6


def top_k(logits: Float[Tensor, "n v"], k: int) -> Float[Tensor, "n v"]:
    """Remove logits strictly below the k-th largest."""
    kth = kth_largest(logits, min(k, logits.shape[-1]))[:, None]
    return logits.masked_fill(logits < kth, -torch.inf)


def top_p(logits: Float[Tensor, "n v"], p: float) -> Float[Tensor, "n v"]:
    """Keep the most probable codes up to and including the one that crosses ``p``."""
    ordered, order = logits.sort(dim=-1, descending=True)
    cumulative = ordered.softmax(-1).cumsum(-1)
    beyond = cumulative > p
    beyond = torch.cat([torch.zeros_like(beyond[:, :1]), beyond[:, :-1]], dim=-1)
    return logits.masked_fill(beyond.scatter(-1, order, beyond), -torch.inf)


def draw(logits: Float[Tensor, "n v"], noise: Float[Tensor, "n v"] | None) -> Int[Tensor, " n"]:
    """``argmax(softmax(logits) / noise)`` with Exp(1) noise equals torch.multinomial; without noise, the argmax."""
    probs = logits.softmax(-1)
    return (probs if noise is None else probs / noise).argmax(-1)


@dataclass(frozen=True)
class Draw:
    """A draw on a device as a function of tensors alone; equal sampling settings are the same function."""

    sampling: SamplingConfig

    def __call__(
        self, logits: Float[Tensor, "c n v"], guidance_scale: Float[Tensor, "*p n"], *noise: Tensor
    ) -> Int[Tensor, " n"]:
        """Codes from raw logits, of all branches.

        ``noise``: nothing for greedy draws; Exp(1) numbers ``(n, v)``; or keys ``(n, 2)`` and steps ``(n,)`` of
        :func:`scalingar.decoding.device_noise.device_exponential`.
        """
        filtered = filter_logits(guide(logits, guidance_scale), self.sampling)
        if len(noise) == 2:
            return draw(filtered, device_exponential(*noise, filtered.shape[-1]))
        return draw(filtered, *noise) if noise else draw(filtered, None)
