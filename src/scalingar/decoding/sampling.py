"""From guided logits to codes: temperature, top-k, top-p, and a draw as a race of exponentials."""

import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

MIN_TEMPERATURE = 1e-5


class SamplingConfig(BaseModel):
    """How a code is drawn. Order: temperature, top-k, top-p, softmax, draw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(1.0, ge=0, description="divides the logits; at 0 nearly greedy")
    top_k: int = Field(0, ge=0, description="keep the k largest logits, ties included; 0 keeps all")
    top_p: float = Field(1.0, gt=0, le=1, description="keep the smallest set of this probability")
    greedy: bool = Field(False, description="take the most probable code, draw nothing")
    guidance_interval: int = Field(
        -1, ge=-1, description="guide codes 0 to this plus one (LlamaGen's cfg_interval); -1 guides all"
    )


def filter_logits(logits: Float[Tensor, "n v"], config: SamplingConfig) -> Float[Tensor, "n v"]:
    """Scaled by temperature, and -inf where top-k or top-p removes a code."""
    logits = logits / max(config.temperature, MIN_TEMPERATURE)
    if config.top_k:
        logits = top_k(logits, config.top_k)
    if config.top_p < 1.0:
        logits = top_p(logits, config.top_p)
    return logits


def top_k(logits: Float[Tensor, "n v"], k: int) -> Float[Tensor, "n v"]:
    """Remove what is strictly below the k-th largest."""
    kth = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
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
