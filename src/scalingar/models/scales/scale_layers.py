"""Building blocks that VAR and Infinity share: attention with scaled cosine scores, adaptive norms, GELU feed-forward.

State-dict keys are those of both official repositories.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from scalingar.models.attention import attention
from scalingar.models.layers import apply_rope, rotations

MAX_LOG_SCALE = math.log(100)
"""Bound of the learned logarithm that scales cosine scores."""

Store = Callable[
    [Float[Tensor, "n h l d"], Float[Tensor, "n h l d"]], tuple[Float[Tensor, "n h s d"], Float[Tensor, "n h s d"]]
]
"""Takes keys and values of new tokens, returns those of all tokens so far; see ScaleCache.extend."""


class ScaleAttention(nn.Module):
    """Self-attention of one scale over itself and all scales before it, without a mask when a cache is used.

    ``normalised``: queries and keys have unit length and a learned scale per head; otherwise the scores are divided
    by ``4 sqrt(head_dim)``.
    """

    def __init__(self, dim: int, heads: int, *, normalised: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.normalised = normalised
        if normalised:
            self.scale_mul_1H11 = nn.Parameter(torch.full((1, heads, 1, 1), math.log(4.0)))
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.mat_qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)

    def forward(
        self,
        x: Float[Tensor, "n l d"],
        *,
        store: Store | None = None,
        mask: Bool[Tensor, "l l"] | None = None,
        rope: Float[Tensor, "l p 2"] | None = None,
    ) -> Float[Tensor, "n l d"]:
        """``store`` with a cache, ``mask`` without; ``rope`` turns adjacent pairs of queries and keys."""
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        q, k, v = F.linear(x, self.mat_qkv.weight, bias).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        if self.normalised:
            scale = self.scale_mul_1H11.float().clamp(max=MAX_LOG_SCALE).exp().view(-1, 1)
            q, k = F.normalize(q.float(), dim=-1) * scale, F.normalize(k.float(), dim=-1)
        if rope is not None:
            turns = rotations(rope)
            q, k = apply_rope(q, turns), apply_rope(k, turns)
        q, k, v = (t.to(v.dtype).transpose(1, 2) for t in (q, k, v))
        if store is not None:
            k, v = store(k, v)
        scores = 1.0 if self.normalised else 0.25 / math.sqrt(q.shape[-1])
        attended = attention(q, k, v, mask, scale=scores)
        return self.proj(attended.transpose(1, 2).flatten(-2))


class TextAttention(nn.Module):
    """Cross-attention from image tokens to text; keys and values of the text are projected once by :meth:`project`."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.mat_q = nn.Linear(dim, dim)
        self.mat_kv = nn.Linear(dim, 2 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)

    def project(self, text: Float[Tensor, "p t d"]) -> tuple[Float[Tensor, "p h t e"], Float[Tensor, "p h t e"]]:
        """Keys and values of the text."""
        bias = torch.cat([torch.zeros_like(self.v_bias), self.v_bias])
        k, v = F.linear(text, self.mat_kv.weight, bias).unflatten(-1, (2, self.heads, -1)).unbind(-3)
        return k.transpose(1, 2), v.transpose(1, 2)

    def forward(
        self,
        x: Float[Tensor, "n l d"],
        key: Float[Tensor, "n h t e"],
        value: Float[Tensor, "n h t e"],
        mask: Bool[Tensor, "n 1 1 t"] | None,
    ) -> Float[Tensor, "n l d"]:
        """``mask``: True where there is text."""
        q = self.mat_q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        attended = attention(q, key, value, mask)
        return self.proj(attended.transpose(1, 2).flatten(-2))


class GeluFeedForward(nn.Module):
    """``fc2(gelu(fc1 x))`` with GELU's tanh approximation."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class AdaptiveNorm(nn.Module):
    """The norm before the output: scale and shift come from the condition."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.ada_lin = adaptive_linear(dim, 2)

    def vectors(self, condition: Float[Tensor, "p d"]) -> Float[Tensor, "p 2 d"]:
        """Scale, then shift, of every condition."""
        return self.ada_lin(condition).unflatten(-1, (2, -1))

    def forward(self, x: Float[Tensor, "n l d"], vectors: Float[Tensor, "n 2 d"]) -> Float[Tensor, "n l d"]:
        scale, shift = vectors.float()[:, :, None].unbind(1)
        return modulated(x.float(), scale, shift)


def adaptive_linear(dim: int, vectors: int) -> nn.Sequential:
    """From a condition to the vectors of an adaptive norm."""
    return nn.Sequential(nn.SiLU(), nn.Linear(dim, vectors * dim))


def modulated(
    x: Float[Tensor, "n l d"], scale: Float[Tensor, "n 1 d"], shift: Float[Tensor, "n 1 d"]
) -> Float[Tensor, "n l d"]:
    """``LN(x) (1 + scale) + shift``, the norm without weights of its own."""
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift
