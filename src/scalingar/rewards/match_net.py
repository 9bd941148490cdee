"""Does a picture show what the words say? Words look at picture patches with sigmoid attention; one logit comes out.

Sigmoid attention (Ramapuram et al. 2024, arXiv 2409.04431) sums over patches where softmax would average, so that two
dogs weigh more than one.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from scalingar.world.grammar import TERMINALS

PATCH = 8
"""Pixels of a patch's side."""


class MatchNetConfig(BaseModel):
    """Sizes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: tuple[int, int] = (64, 160)
    """At quarter and eighth resolution."""
    blocks: tuple[int, int] = (2, 4)
    grid: int = 12
    """Patches along each side."""
    dim: int = 128
    """Width of the words."""
    heads: int = 4
    layers: int = 3
    words: int = 8
    """Most terminals of a prompt that are read."""
    vocabulary: int = len(TERMINALS)


class ChannelNorm(nn.GroupNorm):
    """Norm over all channels of each pixel alone."""

    def __init__(self, width: int) -> None:
        super().__init__(1, width)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Mean 0 and variance 1 before scale and shift."""
        normed = F.layer_norm(x.movedim(1, -1), (x.shape[1],), self.weight, self.bias)
        return normed.movedim(-1, 1)


class DepthwiseBlock(nn.Module):
    """ConvNeXt's block (Liu et al. 2022): 7 x 7 per channel, then a two-layer network per pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = ChannelNorm(width)
        self.widen, self.narrow = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The shortcut carries ``x`` on."""
        return x + self.narrow(F.gelu(self.widen(self.norm(self.space(x)))))


class ReadingLayer(nn.Module):
    """Words look at each other, then at the patches, then think."""

    def __init__(self, config: MatchNetConfig) -> None:
        super().__init__()
        dim = config.dim
        self.heads, self.patches = config.heads, config.grid**2
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.among = nn.Linear(dim, 3 * dim)
        self.among_out = nn.Linear(dim, dim)
        self.query, self.key_value = nn.Linear(dim, dim), nn.Linear(config.widths[1], 2 * dim)
        self.look_out = nn.Linear(dim, dim)
        self.think = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(
        self,
        words: Float[Tensor, "m t d"],
        there: Bool[Tensor, "m t"],
        patches: Float[Tensor, "n p c"],
        rows: Int[Tensor, " m"],
    ) -> Float[Tensor, "m t d"]:
        """``there`` marks the slots that hold a word, ``rows`` the picture each row of words is about."""
        q, k, v = (self._split(part) for part in self.among(self.norms[0](words)).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None, :])
        words = words + self.among_out(mixed.transpose(1, 2).flatten(2))
        words = words + self.look_out(self._look(self.norms[1](words), patches, rows))
        return words + self.think(self.norms[2](words))

    def _look(self, words: Tensor, patches: Tensor, rows: Tensor) -> Tensor:
        q = self._split(self.query(words))
        k, v = (self._split(part)[rows] for part in self.key_value(patches).chunk(2, -1))
        # the shift starts every word at a share of about one patch, as softmax would
        weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) - math.log(self.patches)).sigmoid()
        return (weights @ v).transpose(1, 2).flatten(2)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class MatchNet(nn.Module):
    """Images in [-1, 1] and terminal ids of :func:`scalingar.world.grammar.parse` to a logit of their match."""

    def __init__(self, config: MatchNetConfig) -> None:
        super().__init__()
        self.config = config
        first, second = config.widths
        self.encoder = nn.Sequential(
            nn.Conv2d(3, first, 8, stride=4, padding=2),
            ChannelNorm(first),
            *(DepthwiseBlock(first) for _ in range(config.blocks[0])),
            ChannelNorm(first),
            nn.Conv2d(first, second, 2, stride=2),
            *(DepthwiseBlock(second) for _ in range(config.blocks[1])),
            ChannelNorm(second),
        )
        self.places = nn.Parameter(torch.randn(config.grid**2, second) * 0.02)
        self.embedding = nn.Embedding(config.vocabulary + 1, config.dim)
        """The last row is the slot that reads out the answer."""
        self.order = nn.Parameter(torch.randn(config.words + 1, config.dim) * 0.02)
        self.layers = nn.ModuleList(ReadingLayer(config) for _ in range(config.layers))
        self.answer = nn.Sequential(nn.LayerNorm(config.dim), nn.Linear(config.dim, 1))

    def patches(self, images: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n p c"]:
        """Features of each patch in raster order, without their place."""
        return self.encoder(images).flatten(2).transpose(1, 2)

    def match(
        self, words: Int[Tensor, "m t"], patches: Float[Tensor, "n p c"], rows: Int[Tensor, " m"]
    ) -> Float[Tensor, " m"]:
        """Logit that picture ``rows[i]`` shows what ``words[i]`` say; 0 fills empty slots at the end."""
        answer = torch.full_like(words[:, :1], self.config.vocabulary)
        ids = torch.cat([answer, words], 1)
        state = self.embedding(ids) + self.order[: ids.shape[1]]
        patches = patches + self.places
        for layer in self.layers:
            state = layer(state, ids > 0, patches, rows)
        return self.answer(state[:, 0])[:, 0]

    def forward(self, images: Float[Tensor, "n 3 height width"], words: Int[Tensor, "n t"]) -> Float[Tensor, " n"]:
        """One logit per picture and prompt."""
        return self.match(words, self.patches(images), torch.arange(len(images), device=images.device))
