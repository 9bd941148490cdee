"""Words of a small vocabulary as the condition of a next-scale model: one feature per word, one vector per prompt."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from scalingar.models.scales.scale_layers import GeluFeedForward
from scalingar.models.var.config import VARConfig


class WordBlock(nn.Module):
    """Pre-norm self-attention among the words of a prompt, then a feed-forward."""

    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.ffn = GeluFeedForward(dim, hidden)

    def forward(self, x: Float[Tensor, "p t d"], mask: Bool[Tensor, "p 1 1 t"] | None) -> Float[Tensor, "p t d"]:
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).flatten(-2))
        return x + self.ffn(self.norm2(x))


class WordEncoder(nn.Module):
    """Embeddings and learned positions, ``word_layers`` blocks in which words see each other, a norm.

    One more row than there are words stands for "no condition". The vector is a projection of the mean over words.
    """

    def __init__(self, config: VARConfig) -> None:
        super().__init__()
        self.null = config.condition_vocab
        self.embedding = nn.Embedding(config.condition_vocab + 1, config.dim)
        self.position = nn.Parameter(torch.zeros(config.condition_tokens, config.dim))
        self.blocks = nn.ModuleList(
            WordBlock(config.dim, config.heads, config.hidden) for _ in range(config.word_layers)
        )
        self.norm = nn.LayerNorm(config.dim)
        self.pooled = nn.Linear(config.dim, config.dim)

    def forward(
        self, ids: Int[Tensor, "p t"], mask: Bool[Tensor, "p t"] | None
    ) -> tuple[Float[Tensor, "p t d"], Float[Tensor, "p d"]]:
        """A feature per word, and a vector per prompt. ``mask``: True where there is a word."""
        x = self.embedding(ids) + self.position[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, None if mask is None else mask[:, None, None])
        x = self.norm(x)
        if mask is None:
            return x, self.pooled(x.mean(1))
        valid = mask[..., None].to(x.dtype)
        return x, self.pooled((x * valid).sum(1) / valid.sum(1))
