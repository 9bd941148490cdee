"""GLM-Image's autoregressive part: transformers' class with this package's decoding loop.

It first draws a preview, the whole picture on a grid of about 16 x 16 codes, and then the codes of its large grid. The
two follow each other without a token between them, and codes are the first ids of the vocabulary.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.models.hf.hf_cache import HFCache
from scalingar.models.hf.hidden_steps import HiddenSteps
from scalingar.models.hf.prompt_tokens import PromptTokens, unpadded


@dataclass(frozen=True, kw_only=True)
class GlmImage(HiddenSteps):
    """A :class:`~scalingar.decoding.contracts.DrawsPreview` around ``GlmImageForConditionalGeneration``.

    ``grid``, ``preview``: rows and columns of the large grid's codes and of the preview's; the prompt states both.
    ``empty``: ids of a prompt without words. It is what an unconditional branch reads if one is asked for; the model
    was trained without.
    """

    network: Any
    grid: tuple[int, int]
    preview: tuple[int, int]
    empty: Int[Tensor, " _u"]

    @property
    def vocab_size(self) -> int:
        """Image codes V. ``generate`` could draw special tokens too, and end the image early."""
        return int(self.network.config.vq_config.num_embeddings)

    @cached_property
    def places(self) -> Int[Tensor, "3 t"]:
        """Rotary positions (time, row, column) of every code, counted from the end of the prompt.

        Each grid begins where the longer side of the one before it ended; time stands still within a grid.
        """
        parts, begin = [], 0
        for height, width in (self.preview, self.grid):
            row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            parts.append(begin + torch.stack([torch.zeros_like(row), row, column]).flatten(1))
            begin += max(height, width)
        return torch.cat(parts, 1).to(self.network.device)

    def condition(self, inputs: Int[Tensor, "p t"], mask: Bool[Tensor, "p t"] | None = None) -> PromptTokens:
        """Prompts as token ids that end where the image begins; ``mask`` excludes padding on either side."""
        rows = unpadded(inputs.to(self.network.device), mask)
        return PromptTokens(rows, [self.empty.to(self.network.device)] * len(rows))

    def _prefilled(self, condition: PromptTokens, *, guided: bool) -> tuple[Float[Tensor, "b d"], HFCache]:
        ids, pads = condition.batch(guided=guided)
        cache = HFCache.empty(self.network.config.text_config.num_hidden_layers, pads)
        return cache.feed(self.network.model.language_model, ids), cache

    def _fed(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: HFCache) -> Float[Tensor, "n d"]:
        place = self.places[:, cache.in_step(positions)]
        begins = cache.ends[0] - cache.pads  # length of each row's prompt
        return cache.feed(
            self.network.model.language_model, codes[:, None], places=(place[:, None] + begins)[:, :, None]
        )

    def _logits(self, hidden: Float[Tensor, "n d"]) -> Float[Tensor, "n v"]:
        """Of image codes only."""
        return F.linear(hidden, self.network.lm_head.weight[: self.vocab_size]).float()
