"""Sizes of VAR transformers: the published ones, and any other."""

from itertools import accumulate
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from scalingar.core.settings import Settings
from scalingar.models.var.multiscale_vq import MOST_SCALES, SIDES_256, SIDES_512

SIZES: dict[str, tuple[int, tuple[int, ...], bool]] = {
    "d16": (16, SIDES_256, False),
    "d20": (20, SIDES_256, False),
    "d24": (24, SIDES_256, False),
    "d30": (30, SIDES_256, False),
    "d36": (36, SIDES_512, True),
}
"""Published sizes: layers (which are also the heads, of 64 channels each), schedule, whether blocks share AdaLN."""


class VARConfig(Settings):
    """Sizes of a VAR transformer; :meth:`published` fills in those of a released size."""

    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    dim: int = Field(gt=0)
    hidden: int = Field(gt=0, description="width of the feed-forward")
    sides: tuple[PositiveInt, ...] = Field(
        SIDES_256, min_length=1, max_length=MOST_SCALES, description="side of each scale's token grid"
    )
    vocab_size: int = Field(4096, gt=0, description="image codes V")
    code_dim: int = Field(32, gt=0, description="channels of the tokenizer's latent")
    shared_modulation: bool = Field(False, description="blocks share one projection to AdaLN vectors")
    normalised_attention: bool = Field(True, description="queries and keys of unit length")
    condition: Literal["class", "words"] = "class"
    condition_vocab: int = Field(1000, gt=0, description="classes, or words of the small vocabulary")
    condition_tokens: int = Field(1, gt=0, description="most words of a prompt")
    word_layers: int = Field(0, ge=0, description="blocks in which words see each other")
    guidance_ramp: bool = Field(True, description="guidance grows from none at the first scale, as VAR's does")

    @model_validator(mode="after")
    def _heads_divide(self) -> "VARConfig":
        if self.dim % self.heads:
            raise ValueError(f"{self.dim} channels do not split into {self.heads} heads")
        return self

    @classmethod
    def published(cls, size: str) -> "VARConfig":
        """The configuration of a released model, ``"d16"`` to ``"d36"``."""
        layers, sides, shared = SIZES[size]
        dim = 64 * layers
        return cls(layers=layers, heads=layers, dim=dim, hidden=4 * dim, sides=sides, shared_modulation=shared)

    @property
    def ends(self) -> list[int]:
        """Tokens up to and including each scale."""
        return list(accumulate(side * side for side in self.sides))
