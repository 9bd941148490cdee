"""Infinity's prompt encoder: flan-t5-xl features of the tokens, including the end token, without padding."""

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
    """The prompt followed by Infinity's words about faces, if it names a person.

    Only whole words count, unlike upstream, where "command" contains a "man".
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
        """fp32 features, valid rows first, and their mask, cut to the length of the longest prompt.

        Raises:
            WeightsError: see :class:`~scalingar.models.prompts.t5.T5Encoder`.
        """
        texts = [with_positive_prompt(prompt) for prompt in prompts] if self.positive_prompt else prompts
        features, mask = self.encoder(texts)
        longest = int(mask.sum(1).max())
        return features[:, :longest].float(), mask[:, :longest]

    def keep_loaded(self) -> None:
        """See :meth:`scalingar.models.prompts.t5.T5Encoder.keep_loaded`."""
        self.encoder.keep_loaded()


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
    """The encoder of the released models. Upstream pads to ``slots`` tokens, which changes rows only by rounding."""
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
