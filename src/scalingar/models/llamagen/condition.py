"""What a LlamaGen transformer reads before the image: a class label, words of a small vocabulary, or T5 features."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from scalingar.models.llamagen.config import LlamaGenConfig


@dataclass(frozen=True)
class Condition:
    """What ``p`` prompts say, as embeddings; the null branch shares its rows and its mask."""

    conditional: Float[Tensor, "p t d"]
    unconditional: Float[Tensor, "p t d"]
    mask: Bool[Tensor, "p t"] | None = None


class LabelEmbedder(nn.Module):
    """Class labels, or words, with one more row for "no condition"."""

    def __init__(self, config: LlamaGenConfig) -> None:
        super().__init__()
        self.null = config.condition_vocab
        self.embedding_table = nn.Embedding(config.condition_vocab + 1, config.dim)
        learned = config.condition_positions == "learned"
        self.position = nn.Parameter(torch.zeros(config.condition_tokens, config.dim)) if learned else None

    def forward(self, ids: Int[Tensor, "p t"]) -> Float[Tensor, "p t d"]:
        embedded = self.embedding_table(ids)
        return embedded if self.position is None else embedded + self.position

    def unconditional(self, like: Int[Tensor, "p t"]) -> Float[Tensor, "p t d"]:
        return self(torch.full_like(like, self.null))


class CaptionProjection(nn.Module):
    """Two linear maps with a tanh-approximated GELU between them."""

    def __init__(self, caption_dim: int, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(caption_dim, dim, bias=False)
        self.fc2 = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class CaptionEmbedder(nn.Module):
    """T5 features; "no condition" is a constant in feature space that comes with the weights."""

    uncond_embedding: Tensor

    def __init__(self, config: LlamaGenConfig) -> None:
        super().__init__()
        self.cap_proj = CaptionProjection(config.caption_dim, config.dim)
        shape = (config.condition_tokens, config.caption_dim)
        self.register_buffer("uncond_embedding", torch.zeros(shape))

    def forward(self, features: Float[Tensor, "p t c"]) -> Float[Tensor, "p t d"]:
        dtype = self.uncond_embedding.dtype
        return self.cap_proj(features[:, : len(self.uncond_embedding)].to(dtype))

    def unconditional(self, like: Float[Tensor, "p t c"]) -> Float[Tensor, "p t d"]:
        return self.cap_proj(self.uncond_embedding).expand(len(like), -1, -1)
