"""One block of Infinity's transformer."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from scalingar.models.infinity.config import InfinityConfig
from scalingar.models.scales.scale_cache import ScaleCache
from scalingar.models.scales.scale_layers import GeluFeedForward, ScaleAttention, TextAttention, modulated


class Block(nn.Module):
    """Self-attention over scales, cross-attention to the text, feed-forward; the stream stays in fp32."""

    def __init__(self, config: InfinityConfig) -> None:
        super().__init__()
        self.sa = ScaleAttention(config.dim, config.heads)
        self.ca_norm = nn.LayerNorm(config.dim, eps=1e-6)
        self.ca = TextAttention(config.dim, config.heads)
        self.ffn = GeluFeedForward(config.dim, config.hidden)
        self.ada_gss = nn.Parameter(torch.zeros(1, 1, 6, config.dim))

    def forward(
        self,
        x: Float[Tensor, "n l d"],
        layer: int,
        cache: ScaleCache,
        rope: Float[Tensor, "l p 2"],
        *,
        shared: Float[Tensor, "n 1 6 d"],
        last: bool = False,
        mask: Bool[Tensor, "l l"] | None = None,
    ) -> Float[Tensor, "n l d"]:
        """With ``mask``: within ``x``, and the cache's keys and values of scales stay as they are."""
        dtype = self.sa.proj.weight.dtype
        gate1, gate2, scale1, scale2, shift1, shift2 = (self.ada_gss.float() + shared).unbind(2)
        store = None if mask is not None else lambda k, v: cache.extend(layer, k, v, last=last)
        x = x + gate1 * self.sa(modulated(x, scale1, shift1).to(dtype), store=store, mask=mask, rope=rope)
        x = x + self.ca(self._text_norm(x).to(dtype), *cache.text(layer))
        return x + gate2 * self.ffn(modulated(x, scale2, shift2).to(dtype))

    def _text_norm(self, x: Float[Tensor, "n l d"]) -> Float[Tensor, "n l d"]:
        norm = self.ca_norm
        return F.layer_norm(x, norm.normalized_shape, norm.weight.float(), norm.bias.float(), norm.eps)
