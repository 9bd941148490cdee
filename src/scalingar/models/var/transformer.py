"""VAR: a transformer that predicts all tokens of one scale at once, from the scales before it.

State-dict keys are those of the released checkpoints (their constant buffers aside). The condition is a class label,
or the words of a small vocabulary: the embedded model, which reads them by cross-attention in every block.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import DecodingError
from scalingar.models.scales.scale_cache import PromptMemory, ScaleCache, TextMemory
from scalingar.models.scales.scale_layers import (
    AdaptiveNorm,
    GeluFeedForward,
    ScaleAttention,
    Store,
    TextAttention,
    adaptive_linear,
    modulated,
)
from scalingar.models.var.condition import Embedded, ScaleCondition, check_inputs
from scalingar.models.var.config import VARConfig
from scalingar.models.var.word_encoder import WordEncoder

Text = tuple[Float[Tensor, "n h t e"], Float[Tensor, "n h t e"], Bool[Tensor, "n 1 1 t"] | None]
"""Keys, values and mask of a prompt's words in one layer."""


class Block(nn.Module):
    """Attention, for words cross-attention, and feed-forward; AdaLN shifts, scales and gates the first and last."""

    def __init__(self, config: VARConfig) -> None:
        super().__init__()
        self.attn = ScaleAttention(config.dim, config.heads, normalised=config.normalised_attention)
        self.ffn = GeluFeedForward(config.dim, config.hidden)
        if config.condition == "words":
            self.ca_norm = nn.LayerNorm(config.dim, eps=1e-6)
            self.ca = TextAttention(config.dim, config.heads)
        self.ada_gss = nn.Parameter(torch.zeros(1, 1, 6, config.dim)) if config.shared_modulation else None
        if self.ada_gss is None:
            self.ada_lin = adaptive_linear(config.dim, 6)

    def vectors(self, condition: Float[Tensor, "p d"]) -> Float[Tensor, "p 6 d"]:
        """This block's own AdaLN vectors; without a meaning where blocks share them."""
        return self.ada_lin(condition).unflatten(-1, (6, -1))

    def forward(
        self,
        x: Float[Tensor, "n l d"],
        vectors: Float[Tensor, "n 6 d"],
        text: Text | None,
        *,
        store: Store | None = None,
        mask: Bool[Tensor, "l l"] | None = None,
    ) -> Float[Tensor, "n l d"]:
        """``store`` with a cache, ``mask`` without; see ``ScaleAttention``."""
        if self.ada_gss is not None:
            vectors = vectors + self.ada_gss[0]
        gate1, gate2, scale1, scale2, shift1, shift2 = vectors[:, :, None].unbind(1)
        x = x + gate1 * self.attn(modulated(x, scale1, shift1), store=store, mask=mask)
        if text is not None:
            x = x + self.ca(self.ca_norm(x), *text)
        return x + gate2 * self.ffn(modulated(x, scale2, shift2))


def scale_of_token(sides: Sequence[int]) -> Int[Tensor, " l"]:
    """The number of its scale for every token of square grids, one grid after the other."""
    return torch.cat([torch.full((side * side,), scale) for scale, side in enumerate(sides)])


class VAR(nn.Module):
    """The transformer; a :class:`~scalingar.decoding.contracts.NextScaleModel` with one code per token."""

    groups = 1
    levels: Tensor
    """The scale of every token, ``(l,)``."""

    def __init__(self, config: VARConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        if config.condition == "words":
            self.words = WordEncoder(config)
        else:
            self.class_emb = nn.Embedding(config.condition_vocab + 1, dim)
        self.word_embed = nn.Linear(config.code_dim, dim)
        self.pos_start = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_1LC = nn.Parameter(torch.zeros(1, config.ends[-1], dim))
        self.lvl_embed = nn.Embedding(len(config.sides), dim)
        self.register_buffer("levels", scale_of_token(config.sides), persistent=False)
        if config.shared_modulation:
            self.shared_ada_lin = adaptive_linear(dim, 6)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head_nm = AdaptiveNorm(dim)
        self.head = nn.Linear(dim, config.vocab_size)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return self.head.weight.dtype

    @property
    def device(self) -> torch.device:
        """Of the weights."""
        return self.head.weight.device

    @property
    def scales(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of every scale's token grid, coarse to fine."""
        return tuple((side, side) for side in self.config.sides)

    @property
    def values(self) -> int:
        """Image codes V."""
        return self.config.vocab_size

    @property
    def _layers(self) -> Iterable[Block]:
        return cast(Iterable[Block], self.blocks)

    def guidance_at(self, scale: int, guidance_scale: float) -> float:
        """VAR (spec 3.2), t_k = cfg · k / (S − 1), with s = 1 + cfg: s_k = 1 + (s − 1) · k / (S − 1)."""
        if not self.config.guidance_ramp or len(self.config.sides) == 1:
            return guidance_scale
        return 1.0 + (guidance_scale - 1.0) * scale / (len(self.config.sides) - 1)

    def condition(
        self, inputs: Int[Tensor, " p"] | Int[Tensor, "p t"], mask: Bool[Tensor, "p t"] | None = None
    ) -> ScaleCondition:
        """Embed labels ``(p,)``, or words ``(p, t)`` with the mask of valid ones.

        Raises:
            PromptError: a label or word the model does not know, or a prompt without or with too many words.
        """
        nothing = torch.full_like(inputs, self.config.condition_vocab)
        return ScaleCondition(self.embed(inputs, mask), self.embed(nothing, mask))

    def embed(self, inputs: Tensor, mask: Bool[Tensor, "p t"] | None = None) -> Embedded:
        """One branch of :meth:`condition`; ``condition_vocab`` as a label or word stands for "no condition"."""
        check_inputs(self.config, inputs, mask)
        inputs = to_device(inputs, self.device)
        if self.config.condition == "class":
            return Embedded(self.class_emb(inputs.reshape(len(inputs))))
        mask = None if mask is None else to_device(mask, self.device).bool()
        words, vector = self.words(inputs, mask)
        return Embedded(vector, words, mask)

    def prefill(self, condition: ScaleCondition, *, guided: bool) -> ScaleCache:
        """What the rows of a prompt share, computed once; no scale is run.

        The cache has ``p`` rows, conditional ones, then ``p`` unconditional ones when ``guided``.
        """
        embedded = condition.conditional
        if guided:
            embedded = embedded.with_rows(condition.unconditional)
        return ScaleCache.empty(self._memory(embedded))

    def step(self, features: Float[Tensor, "n l c"] | None, scale: int, cache: ScaleCache) -> Float[Tensor, "b l g v"]:
        """Run one scale for every row of the cache and append to it; fp32 logits ``(rows, l, 1, v)``.

        ``features``: what the tokenizer makes of the scales before, None at scale 0. Half as many as rows: both
        branches read the same.

        Raises:
            DecodingError: the cache stands at another scale, or the features do not fit the scale or the cache.
        """
        return self._logits(self._hidden(features, scale, cache))

    def step_with_states(
        self, features: Float[Tensor, "n l c"] | None, scale: int, cache: ScaleCache
    ) -> tuple[Float[Tensor, "b l g v"], Float[Tensor, "b d"]]:
        """See :meth:`step`, and per row the mean over the scale's tokens of the inputs of the output head, fp32."""
        hidden = self._hidden(features, scale, cache)
        return self._logits(hidden), hidden.float().mean(1)

    def _hidden(self, features: Float[Tensor, "n l c"] | None, scale: int, cache: ScaleCache) -> Float[Tensor, "b l d"]:
        """The inputs of the output head."""
        x = self._input(features, scale, cache)
        last = scale == len(self.config.sides) - 1
        for index, block in enumerate(self.blocks):
            text = None if cache.prompts.text is None else cache.text(index)
            x = block(x, cache.modulation(index), text, store=partial(cache.extend, index, last=last))
        return self._normed(x, cache.per_row(cache.prompts.head))

    def forward(
        self, inputs: Tensor, features: Float[Tensor, "n i c"], mask: Bool[Tensor, "n t"] | None = None
    ) -> Float[Tensor, "n l g v"]:
        """Logits of all tokens of the first scale and of those after it whose ``features`` are given one after another.

        ``inputs``: a label or words per row, as :meth:`embed` takes them; ``condition_vocab`` for a dropped condition.

        Raises:
            DecodingError: the features do not end with a scale.
        """
        tokens = 1 + features.shape[1]
        if tokens not in self.config.ends:
            raise DecodingError(
                f"features of {tokens - 1} tokens do not end with a scale; scales end at {self.config.ends}."
            )
        taught = self.config.ends.index(tokens) + 1
        memory = self._memory(self.embed(inputs, mask))
        cache = ScaleCache.empty(memory)  # for its look-ups: nothing is stored
        start = memory.start[:, None] + self.pos_start
        x = torch.cat([start, self.word_embed(features.to(self.dtype))], 1) + self._positions(0, taught)
        visible = self._earlier_scales(taught)
        for index, block in enumerate(self.blocks):
            text = None if memory.text is None else cache.text(index)
            x = block(x, cache.modulation(index), text, mask=visible)
        return self._logits(self._normed(x, memory.head))

    def _memory(self, embedded: Embedded) -> PromptMemory:
        vector = embedded.vector
        if self.config.shared_modulation:
            modulation = [self.shared_ada_lin(vector).unflatten(-1, (6, -1))]
        else:
            modulation = [block.vectors(vector) for block in self._layers]
        return PromptMemory(vector, modulation, self.head_nm.vectors(vector), self._text(embedded))

    def _text(self, embedded: Embedded) -> TextMemory | None:
        if embedded.words is None:
            return None
        keys, values = zip(*(block.ca.project(embedded.words) for block in self._layers), strict=True)
        return TextMemory(list(keys), list(values), embedded.mask)

    def _input(self, features: Float[Tensor, "n l c"] | None, scale: int, cache: ScaleCache) -> Float[Tensor, "b l d"]:
        before = self.config.ends[scale - 1] if scale else 0
        if cache.tokens != before:
            raise DecodingError(f"the cache holds {cache.tokens} tokens; scale {scale} comes after {before}.")
        if features is None or scale == 0:
            if features is not None or scale:
                raise DecodingError(f"scale {scale} was given {'no ' if scale else ''}features; only scale 0 has none.")
            return cache.per_row(cache.prompts.start)[:, None] + self.pos_start + self._positions(0, 1)
        tokens, rows = self.config.sides[scale] ** 2, len(features)
        if features.shape[1] != tokens or rows not in {cache.rows, cache.rows / 2}:
            raise DecodingError(
                f"features of {rows} images with {features.shape[1]} tokens do not fit scale {scale} with {tokens} "
                f"tokens and {cache.rows} rows."
            )
        x = self.word_embed(features.to(self.dtype)) + self._positions(scale, scale + 1)
        return x if rows == cache.rows else x.repeat(2, 1, 1)

    def _positions(self, first: int, end: int) -> Float[Tensor, "1 l d"]:
        """Position and level embeddings of scales ``first .. end - 1``."""
        start = self.config.ends[first - 1] if first else 0
        levels = self.levels[start : self.config.ends[end - 1]]
        return self.pos_1LC[:, start : start + len(levels)] + self.lvl_embed(levels)

    def _earlier_scales(self, scales: int) -> Bool[Tensor, "l l"]:
        """True where a token of the first ``scales`` scales may look: its own scale and those before."""
        levels = self.levels[: self.config.ends[scales - 1]]
        return levels[:, None] >= levels

    def _normed(self, x: Float[Tensor, "n l d"], vectors: Float[Tensor, "n 2 d"]) -> Float[Tensor, "n l d"]:
        normed: Tensor = self.head_nm(x, vectors).to(self.dtype)
        return normed

    def _logits(self, hidden: Float[Tensor, "n l d"]) -> Float[Tensor, "n l g v"]:
        return self.head(hidden).float()[:, :, None]
