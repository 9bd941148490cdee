"""Sizes of Infinity's transformers."""

from pydantic import Field, model_validator

from scalingar.core.settings import Settings

SIZES: dict[str, tuple[int, int, int, int]] = {
    "125M": (12, 768, 8, 16),
    "layer16": (16, 1152, 12, 32),
    "1B": (24, 1536, 16, 32),
    "layer32": (32, 2080, 20, 32),
    "layer40": (40, 2688, 24, 32),
    "layer48": (48, 3360, 28, 32),
    "2B": (32, 2048, 16, 32),
    "8B": (40, 3584, 28, 56),
    "20B": (58, 4608, 36, 32),
}
"""Layers, width, heads, bits per token. Weights of 125M, 2B and 8B are public; bits of the others vary."""


class InfinityConfig(Settings):
    """Sizes of an Infinity transformer; :meth:`published` fills in those of a known size."""

    layers: int = Field(gt=0)
    dim: int = Field(gt=0)
    heads: int = Field(gt=0)
    hidden: int = Field(gt=0, description="width of the feed-forward")
    bits: int = Field(gt=0, description="bits of one token")
    pool_heads: int = Field(gt=0, description="heads of the attentive pooling of the text")
    levels: int = Field(15, gt=0, description="scales that have an embedding")
    text_dim: int = Field(2048, gt=0, description="width of the T5 features")
    text_tokens: int = Field(512, gt=0, description="longest text")

    @model_validator(mode="after")
    def _consistent(self) -> "InfinityConfig":
        if self.dim % (4 * self.heads) or self.dim % self.pool_heads:
            raise ValueError(f"{self.dim} channels do not split into {self.heads} and {self.pool_heads} heads")
        return self

    @classmethod
    def published(cls, size: str) -> "InfinityConfig":
        """The configuration of a size of :data:`SIZES`, e.g. ``published("2B")``."""
        layers, dim, heads, bits = SIZES[size]
        return cls(
            layers=layers,
            dim=dim,
            heads=heads,
            hidden=feed_forward_width(dim),
            bits=bits,
            pool_heads=2048 // (128 if dim <= 4096 else 64),
        )


def feed_forward_width(dim: int, multiple_of: int = 256) -> int:
    """Four times the width at the nearest multiple; halves go to the even one, as upstream."""
    return round(4 * dim / multiple_of) * multiple_of
