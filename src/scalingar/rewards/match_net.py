"""A small image-text matching network, in which words attend to image patches with sigmoid attention.

Sigmoid attention (Ramapuram et al. 2024, arXiv 2409.04431) sums over patches where softmax averages, so that two dogs
count more than one.
"""

import math
from typing import Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from scalingar.core.settings import Settings
from scalingar.models.embedded.grammar import TERMINALS

PATCH = 8
"""Pixels along a side of a patch."""


class MatcherConfig(Settings):
    """Sizes of what reads words and patches."""

    grid: PositiveInt = 12
    """Patches along each side."""
    dim: PositiveInt = 128
    """Width of the word embeddings."""
    heads: PositiveInt = 4
    layers: PositiveInt = 2
    words: PositiveInt = 8
    """Terminals of a prompt that are read; further ones are ignored."""
    vocabulary: int = Field(len(TERMINALS), ge=len(TERMINALS))

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(f"{self.dim} channels do not split into {self.heads} heads")
        return self


class MatchNetConfig(MatcherConfig):
    """Sizes of the network."""

    widths: tuple[PositiveInt, PositiveInt, PositiveInt] = (32, 64, 160)
    """At half, quarter and eighth resolution."""
    blocks: tuple[PositiveInt, PositiveInt] = (1, 4)
    """At quarter and eighth resolution."""


class DepthwiseBlock(nn.Module):
    """ConvNeXt's block (Liu et al. 2022), with batch norm: 7 x 7 per channel, then a two-layer network per pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(width, width, 7, padding=3, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.widen, self.narrow = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The block with its residual connection."""
        return x + self.narrow(F.gelu(self.widen(self.norm(self.space(x)))))


class ReadingLayer(nn.Module):
    """Self-attention over words, cross-attention to the patches, then a two-layer network."""

    def __init__(self, config: MatcherConfig, width: int) -> None:
        super().__init__()
        dim = config.dim
        self.heads, self.patches = config.heads, config.grid**2
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.among = nn.Linear(dim, 3 * dim)
        self.among_out = nn.Linear(dim, dim)
        self.query, self.key_value = nn.Linear(dim, dim), nn.Linear(width, 2 * dim)
        self.look_out = nn.Linear(dim, dim)
        self.think = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(
        self,
        words: Float[Tensor, "m t d"],
        mask: Bool[Tensor, "m t"],
        patches: Float[Tensor, "n p c"],
        rows: Int[Tensor, " m"],
    ) -> Float[Tensor, "m t d"]:
        """``mask``: slots that hold a word. ``rows``: the image of each row of words."""
        q, k, v = (self._split(part) for part in self.among(self.norms[0](words)).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        words = words + self.among_out(mixed.transpose(1, 2).flatten(2))
        words = words + self.look_out(self._look(self.norms[1](words), patches, rows))
        return words + self.think(self.norms[2](words))

    def _look(self, words: Tensor, patches: Tensor, rows: Tensor) -> Tensor:
        q = self._split(self.query(words))
        k, v = (self._split(part)[rows] for part in self.key_value(patches).chunk(2, -1))
        # with the shift every word begins with a total weight of about one patch, as in softmax
        weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) - math.log(self.patches)).sigmoid()
        return (weights @ v).transpose(1, 2).flatten(2)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Matcher(nn.Module):
    """Features of patches, ``width`` numbers each, and terminal ids of :func:`parse` to a logit of their match."""

    def __init__(self, config: MatcherConfig, width: int) -> None:
        super().__init__()
        self.vocabulary = config.vocabulary
        self.places = nn.Parameter(torch.randn(config.grid**2, width) * 0.02)
        self.embedding = nn.Embedding(config.vocabulary + 1, config.dim)
        """The last row is the answer slot."""
        self.order = nn.Parameter(torch.randn(config.words + 1, config.dim) * 0.02)
        self.gaze_word, self.gaze_patch = nn.Linear(config.dim, config.dim), nn.Linear(width, config.dim)
        self.seen = nn.Linear(width, config.dim)
        self.layers = nn.ModuleList(ReadingLayer(config, width) for _ in range(config.layers))
        self.answer = nn.Sequential(nn.LayerNorm(config.dim), nn.Linear(config.dim, 1))

    def gaze(
        self, words: Int[Tensor, "m t"], patches: Float[Tensor, "n p c"], rows: Int[Tensor, " m"]
    ) -> Float[Tensor, "m t+1 p"]:
        """Logits that a patch shows a word; slot 0 is the answer's, for patches that show anything."""
        query = self.gaze_word(self.embedding(self._ids(words)))
        # few patches show a given word; without the shift, the first training steps would only learn this
        return query @ self.gaze_patch(patches)[rows].transpose(1, 2) / math.sqrt(query.shape[-1]) - 4

    def match(
        self, words: Int[Tensor, "m t"], patches: Float[Tensor, "n p c"], rows: Int[Tensor, " m"]
    ) -> Float[Tensor, " m"]:
        """Logits that image ``rows[i]`` matches ``words[i]``, in which 0 is padding."""
        ids = self._ids(words)
        positioned = patches + self.places
        seen = self.gaze(words, patches, rows).sigmoid() @ self.seen(positioned)[rows]
        state = self.embedding(ids) + self.order[: ids.shape[1]] + seen
        for layer in self.layers:
            state = layer(state, ids > 0, positioned, rows)
        return self.answer(state[:, 0])[:, 0]

    def _ids(self, words: Int[Tensor, "m t"]) -> Int[Tensor, "m t+1"]:
        return torch.cat([torch.full_like(words[:, :1], self.vocabulary), words], 1)


class MatchNet(Matcher):
    """Images in [-1, 1] and terminal ids of :func:`parse` to a logit of their match."""

    def __init__(self, config: MatchNetConfig) -> None:
        half, quarter, eighth = config.widths
        super().__init__(config, eighth)
        self.config = config
        self.encoder = nn.Sequential(
            *(_halve(3, half), nn.GELU(), _halve(half, quarter)),
            *(DepthwiseBlock(quarter) for _ in range(config.blocks[0])),
            _halve(quarter, eighth),
            *(DepthwiseBlock(eighth) for _ in range(config.blocks[1])),
            nn.BatchNorm2d(eighth),
        )

    def patches(self, images: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n p c"]:
        """Features of each patch in raster order, without position."""
        return self.encoder(images).flatten(2).transpose(1, 2)

    def forward(self, images: Float[Tensor, "n 3 height width"], words: Int[Tensor, "n t"]) -> Float[Tensor, " n"]:
        """One logit per image and prompt."""
        return self.match(words, self.patches(images), torch.arange(len(images), device=images.device))


def _halve(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outside),
    )
