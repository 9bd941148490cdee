"""Infinity's transformer: next-scale prediction of bits from text.

State-dict keys are those of the released checkpoints, with ``blocks.i`` for their chunks of blocks.
"""

from itertools import accumulate
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import ConfigError, PromptError
from scalingar.models.infinity.block import Block
from scalingar.models.infinity.config import InfinityConfig
from scalingar.models.infinity.schedules import InfinitySchedule
from scalingar.models.infinity.text import Text, TextCondition, TextPool
from scalingar.models.layers import RMSNorm
from scalingar.models.scales.scale_cache import PromptMemory, ScaleCache, TextMemory
from scalingar.models.scales.scale_layers import AdaptiveNorm, adaptive_linear

Avoided = tuple[Float[Tensor, "q t c"], Bool[Tensor, "q t"] | None]
"""Features and mask of negative prompts."""


class Infinity(nn.Module):
    """The transformer on one schedule, a :class:`~scalingar.decoding.contracts.NextScaleModel`.

    ``schedule``: of the picture to draw; the weights serve every aspect ratio and size. ``negative``: what the
    unconditional branch reads instead of its learned rows, one text for all prompts.

    Raises ConfigError for a schedule of more scales than the model knows.
    """

    values = 2
    rotary: Tensor
    """The rotations of the tokens of all scales, ``(l, p, 2)``."""

    def __init__(self, config: InfinityConfig, schedule: InfinitySchedule, *, negative: Avoided | None = None) -> None:
        super().__init__()
        if len(schedule.scales) > config.levels:
            raise ConfigError(f"the schedule has {len(schedule.scales)} scales, the model knows {config.levels}.")
        self.config = config
        self.schedule = schedule
        self.negative = negative
        dim = config.dim
        self.cfg_uncond = nn.Parameter(torch.zeros(config.text_tokens, config.text_dim))
        self.text_norm = RMSNorm(config.text_dim, 1e-6)
        self.text_proj_for_sos = TextPool(config.text_dim, config.dim, config.pool_heads)
        self.text_proj_for_ca = nn.Sequential(
            nn.Linear(config.text_dim, dim), nn.GELU(approximate="tanh"), nn.Linear(dim, dim)
        )
        self.pos_start = nn.Parameter(torch.zeros(1, 1, dim))
        self.lvl_embed = nn.Embedding(config.levels, dim)
        self.word_embed = nn.Linear(config.bits, dim)
        self.shared_ada_lin = adaptive_linear(dim, 6)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head_nm = AdaptiveNorm(dim)
        self.head = nn.Linear(dim, 2 * config.bits)
        self._ends = (0, *accumulate(height * width for height, width in schedule.scales))
        head_dim = dim // config.heads
        angles = torch.cat([schedule.rotary(scale, head_dim) for scale in range(len(schedule.scales))])
        self.register_buffer("rotary", angles, persistent=False)

    @property
    def scales(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of the token grid of every scale."""
        return self.schedule.scales

    @property
    def groups(self) -> int:
        """Bits of one token."""
        return self.config.bits

    @property
    def device(self) -> torch.device:
        """Of the weights."""
        return self.cfg_uncond.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the blocks' weights; what stands before and after them may be more precise."""
        return next(self.blocks.parameters()).dtype

    def condition(
        self,
        inputs: Float[Tensor, "p t c"],
        mask: Bool[Tensor, "p t"] | None = None,
        *,
        negative: Avoided | None = None,
    ) -> TextCondition:
        """T5 features with the mask of valid rows, wherever these stand.

        ``negative``: features and mask of what to avoid, one text per prompt or one for all; the model's own where
        none is given. Without either the unconditional branch reads as many learned rows as the prompt has.

        Raises:
            PromptError: a text without valid rows or longer than the model reads, or not one negative text per prompt.
        """
        text = self._read(inputs, mask)
        negative = self.negative if negative is None else negative
        if negative is not None:
            avoided = self._read(*negative)
            negatives, prompts = len(avoided.mask), len(text.mask)
            if negatives not in (1, prompts):
                raise PromptError(f"{negatives} negative prompts for {prompts} prompts; give one for all, or one each.")
            many = prompts // negatives
            repeated = Text(avoided.features.repeat(many, 1, 1), avoided.mask.repeat(many, 1), avoided.whole)
            return TextCondition(text, repeated)
        learned = self.cfg_uncond[: text.mask.shape[1]].float() * text.mask[..., None]
        return TextCondition(text, Text(learned, text.mask, text.whole))

    def prefill(self, condition: TextCondition, *, guided: bool) -> ScaleCache:
        """Project the texts once per layer; rows are conditional, then unconditional when ``guided``."""
        text = condition.conditional
        return ScaleCache.empty(self._memory(text.followed_by(condition.unconditional) if guided else text))

    def step(self, features: Float[Tensor, "n l c"] | None, scale: int, cache: ScaleCache) -> Float[Tensor, "b l g 2"]:
        """Run one scale for every row of the cache, both branches on the same ``features``; fp32 logits of the bits.

        ``features``: see ``ScaleTokenizer.features``; None at the first scale.

        Of 16 rows at the last scale of a million pixels, 4096 tokens, 2B's logits have 17 MB, the fp32 stream 0.5 GB
        and the feed-forward's inside 1.1 GB in bf16, of one layer at a time; nothing is larger.
        """
        return self._logits(self._hidden(features, scale, cache))

    def step_with_states(
        self, features: Float[Tensor, "n l c"] | None, scale: int, cache: ScaleCache
    ) -> tuple[Float[Tensor, "b l g 2"], Float[Tensor, "b d"]]:
        """See :meth:`step`, and per row the mean over the scale's tokens of the inputs of the output head, fp32."""
        hidden = self._hidden(features, scale, cache)
        return self._logits(hidden), hidden.float().mean(1)

    def _hidden(self, features: Float[Tensor, "n l c"] | None, scale: int, cache: ScaleCache) -> Float[Tensor, "b l d"]:
        """The inputs of the output head."""
        x = self._inputs(features, cache) + self.lvl_embed.weight[scale].float()
        ends = self._ends
        rope = self.rotary[ends[scale] : ends[scale + 1]]
        shared = cache.modulation(0)[:, None]
        last = scale == len(self.scales) - 1
        for layer, block in enumerate(self.blocks):
            x = block(x, layer, cache, rope, shared=shared, last=last)
        return self._normed(x, cache)

    def guidance_at(self, scale: int, guidance_scale: float) -> float:
        """The same at every scale."""
        return guidance_scale

    def forward(self, text: Text, features: Float[Tensor, "n m c"]) -> Float[Tensor, "n t g 2"]:
        """Teacher-forced logits of all scales in one pass, for training: a token sees its own scale and coarser ones.

        ``text``: one per row. ``features``: the inputs of scales 1 and later, one after the other, ``m = t - 1``.
        """
        cache = ScaleCache.empty(self._memory(text))
        counts = torch.tensor([h * w for h, w in self.scales])
        level = to_device(torch.arange(len(counts)).repeat_interleave(counts), self.device)
        mask = level[:, None] >= level
        x = torch.cat([self._inputs(None, cache), self._inputs(features, cache)], 1)
        x = x + self.lvl_embed.weight[level].float()
        shared = cache.modulation(0)[:, None]
        for layer, block in enumerate(self.blocks):
            x = block(x, layer, cache, self.rotary, shared=shared, mask=mask)
        return self._logits(self._normed(x, cache))

    def _read(self, features: Float[Tensor, "p t c"], mask: Bool[Tensor, "p t"] | None) -> Text:
        text = Text.packed(to_device(features, self.device).float(), mask)
        longest, most = text.mask.shape[1], self.config.text_tokens
        if longest > most:
            raise PromptError(f"a text is {longest} tokens long and the model reads {most}; shorten it.")
        return text

    def _memory(self, text: Text) -> PromptMemory:
        normed = self.text_norm(text.features)
        pooled = self.text_proj_for_sos(normed, text.mask)
        projected = self.text_proj_for_ca(normed).to(self.dtype)
        keys, values = zip(*(cast(Block, block).ca.project(projected) for block in self.blocks), strict=True)
        return PromptMemory(
            start=pooled,
            modulation=[self.shared_ada_lin(pooled).unflatten(-1, (6, -1))],
            head=self.head_nm.vectors(pooled),
            text=TextMemory(list(keys), list(values), None if text.whole else text.mask),
        )

    def _inputs(self, features: Float[Tensor, "n l c"] | None, cache: ScaleCache) -> Float[Tensor, "b l d"]:
        if features is None:
            return (cache.per_row(cache.prompts.start)[:, None] + self.pos_start).float()
        embedded = self.word_embed(features.to(self.word_embed.weight.dtype)).float()
        return embedded.repeat(cache.rows // len(embedded), 1, 1)

    def _normed(self, x: Float[Tensor, "b l d"], cache: ScaleCache) -> Float[Tensor, "b l d"]:
        normed: Tensor = self.head_nm(x, cache.per_row(cache.prompts.head)).to(self.head.weight.dtype)
        return normed

    def _logits(self, hidden: Float[Tensor, "b l d"]) -> Float[Tensor, "b l g 2"]:
        return self.head(hidden).float().unflatten(-1, (-1, 2))
