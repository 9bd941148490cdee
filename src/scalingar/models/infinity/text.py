"""Text as Infinity's transformer takes it: only the valid rows, and what stands for "no text"."""

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import PromptError


@dataclass(frozen=True)
class Text:
    """Features of ``p`` texts; the valid rows of each come first.

    ``whole``: all rows of all texts are valid, known without asking the device.
    """

    features: Float[Tensor, "p t c"]
    mask: Bool[Tensor, "p t"]
    whole: bool

    @classmethod
    def packed(cls, features: Float[Tensor, "p t c"], mask: Bool[Tensor, "p t"] | None = None) -> Self:
        """Valid rows moved to the front, as many as the longest text has. Raises PromptError for an empty one."""
        valid = torch.ones(features.shape[:2], dtype=torch.bool) if mask is None else mask.bool().cpu()
        lengths = valid.sum(1)
        if not bool((lengths > 0).all()):
            raise PromptError(f"text {int(lengths.argmin())} has no valid feature; Infinity needs one or more of each.")
        order = valid.int().argsort(dim=1, descending=True, stable=True)[:, : int(lengths.max())]
        kept = features.gather(1, to_device(order, features.device)[..., None].expand(-1, -1, features.shape[-1]))
        # Padding is masked out of attention, but zero times something that is no number would not be zero.
        mask = to_device(torch.arange(order.shape[1]) < lengths[:, None], features.device)
        return cls(kept.masked_fill(~mask[..., None], 0), mask, bool((lengths == order.shape[1]).all()))

    def first(self, count: int) -> "Text":
        """The first texts."""
        return Text(self.features[:count], self.mask[:count], self.whole)

    def followed_by(self, other: "Text") -> "Text":
        """These texts, then the others."""
        longest = max(self.mask.shape[1], other.mask.shape[1])
        return Text(
            torch.cat([F.pad(text.features, (0, 0, 0, longest - text.mask.shape[1])) for text in (self, other)]),
            torch.cat([F.pad(text.mask, (0, longest - text.mask.shape[1])) for text in (self, other)]),
            all(text.whole and text.mask.shape[1] == longest for text in (self, other)),
        )


@dataclass(frozen=True)
class TextCondition:
    """Features of ``p`` prompts, and of their unconditional branches."""

    conditional: Text
    unconditional: Text

    @property
    def prompts(self) -> int:
        """Number of prompts."""
        return len(self.conditional.mask)


class TextPool(nn.Module):
    """One vector per text: attention of a learned query."""

    def __init__(self, text_dim: int, dim: int, heads: int) -> None:
        super().__init__()
        self.mat_q = nn.Parameter(torch.zeros(1, heads, dim // heads))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.mat_kv = nn.Linear(text_dim, 2 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)

    def forward(self, features: Float[Tensor, "p t c"], mask: Bool[Tensor, "p t"]) -> Float[Tensor, "p d"]:
        heads = self.mat_q.shape[1]
        bias = torch.cat([torch.zeros_like(self.v_bias), self.v_bias])
        kv = F.linear(features, self.mat_kv.weight, bias).unflatten(-1, (2, heads, -1))
        k, v = (part.transpose(1, 2) for part in kv.unbind(-3))
        query = self.mat_q[:, :, None].expand(len(features), -1, -1, -1)
        attended = F.scaled_dot_product_attention(query, k, v, mask[:, None, None])
        return self.proj(attended.flatten(1))
