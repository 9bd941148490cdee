"""Sizes of LlamaGen transformers: the published ones, and any other."""

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from scalingar.core.settings import Settings

SIZES: dict[str, tuple[int, int, int]] = {
    "B": (12, 12, 768),
    "L": (24, 16, 1024),
    "XL": (36, 20, 1280),
    "XXL": (48, 24, 1536),
    "XXXL": (48, 40, 2560),
    "1B": (22, 32, 2048),
    "3B": (24, 32, 3200),
    "7B": (32, 32, 4096),
}
"""Published sizes: layers, heads, width."""


MOST_TOKENS = 2**16
"""Codes of an image, at most: 4096 pixels on a side at 16 pixels a code."""


class LlamaGenConfig(Settings):
    """Sizes of a LlamaGen transformer; :meth:`published` fills in those of a released size."""

    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    dim: int = Field(gt=0)
    hidden: int = Field(gt=0, description="width of the SwiGLU")
    grid: tuple[PositiveInt, PositiveInt] = Field(description="rows and columns of the code grid")
    vocab_size: int = Field(16384, gt=0, description="image codes V")
    condition: Literal["class", "text", "words"] = "class"
    condition_tokens: int = Field(1, gt=0, description="slots before the image")
    condition_vocab: int = Field(1000, gt=0, description="classes, or words of the small vocabulary")
    caption_dim: int = Field(2048, gt=0, description="width of the T5 features")
    condition_positions: Literal["zero", "learned"] = "zero"
    rope_base: float = Field(10000.0, gt=0)
    norm_eps: float = Field(1e-5, gt=0)

    @model_validator(mode="after")
    def _possible(self) -> "LlamaGenConfig":
        if self.dim % (4 * self.heads):
            raise ValueError(f"{self.dim} channels do not split into {self.heads} heads")
        if self.image_tokens > MOST_TOKENS:  # no tensor has the size of the grid
            raise ValueError(f"a grid of {self.grid[0]}x{self.grid[1]} codes is larger than any image")
        return self

    @classmethod
    def published(
        cls, size: str, grid: tuple[int, int], condition: Literal["class", "text"] = "class"
    ) -> "LlamaGenConfig":
        """The configuration of a released model, e.g. ``published("XL", (32, 32), "text")``."""
        layers, heads, dim = SIZES[size]
        return cls(
            layers=layers,
            heads=heads,
            dim=dim,
            hidden=swiglu_width(dim),
            grid=grid,
            condition=condition,
            condition_tokens=120 if condition == "text" else 1,
        )

    @property
    def image_tokens(self) -> int:
        """Codes of one image."""
        return self.grid[0] * self.grid[1]


def swiglu_width(dim: int, multiple_of: int = 256) -> int:
    """Two thirds of four times the width, rounded up."""
    return -(-(8 * dim // 3) // multiple_of) * multiple_of
