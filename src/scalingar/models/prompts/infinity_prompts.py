"""Prompts as Infinity reads them: flan-t5-xl features of the tokens alone, the end of the text counted."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scalingar.models.prompts.feature_cache import FeatureCache
from scalingar.models.prompts.t5 import T5Encoder
from scalingar.models.prompts.t5_loading import FLAN_T5_XL

_PEOPLE = (
    "man woman men women boy girl child person human adult teenager employee employer worker mother father sister "
    "brother grandmother grandfather son daughter"
)
_PERSON = re.compile(rf"\b(?:{'|'.join(_PEOPLE.split())})\b", re.IGNORECASE)
_FACES = ". very smooth faces, good looking faces, face to the camera, perfect facial features"


def with_positive_prompt(prompt: str) -> str:
    """The prompt with Infinity's words about faces behind it, if it names a person.

    Whole words count, unlike upstream, where the "man" of "command" does.
    """
    return prompt + _FACES if _PERSON.search(prompt) else prompt


@dataclass(frozen=True)
class InfinityPrompts:
    """A ``PromptEncoder`` for Infinity.

    ``positive_prompt``: see :func:`with_positive_prompt`.
    """

    encoder: T5Encoder
    positive_prompt: bool = False

    def __call__(self, prompts: list[str]) -> tuple[Float[Tensor, "p t c"], Bool[Tensor, "p t"]]:
        """fp32 features, valid rows first, and their mask; as many rows as the longest prompt has tokens.

        Raises:
            WeightsError: see :class:`~scalingar.models.prompts.t5.T5Encoder`.
        """
        read = [with_positive_prompt(prompt) for prompt in prompts] if self.positive_prompt else prompts
        features, mask = self.encoder(read)
        longest = int(mask.sum(1).max())
        return features[:, :longest].float(), mask[:, :longest]


def infinity_prompts(
    path: str | Path = FLAN_T5_XL,
    *,
    slots: int = 512,
    width: int = 2048,
    positive_prompt: bool = False,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    kept: FeatureCache | None = None,
) -> InfinityPrompts:
    """The encoder of the released models. Upstream pads to ``slots`` tokens, which changes no row beyond rounding."""
    encoder = T5Encoder(
        path=path,
        slots=slots,
        width=width,
        padding="right",
        unpadded=True,
        clean=False,
        device=device,
        dtype=dtype,
        kept=kept or FeatureCache(None),
    )
    return InfinityPrompts(encoder, positive_prompt)
