"""Downscaled pixels, a feature without weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.pixels import levels, rgb
from scalingar.rewards.features.feature import FEATURES, Feature


@dataclass(frozen=True)
class PixelFeature:
    """Mean colours of ``side`` × ``side`` cells; each cell is a token."""

    side: int = 16

    def __call__(self, images: Sequence[Image.Image]) -> Float[Tensor, "n t 3"]:
        """RGB in [0, 1]; by default as many tokens as DINOv2 has patches."""
        size = (self.side, self.side)
        small = [rgb(image).resize(size, Image.Resampling.BOX) for image in images]
        return levels(small).flatten(2).transpose(1, 2) / 255


@FEATURES.register("pixels")
def pixels(source: str | None, *, device: str | torch.device) -> Feature:
    """Down-scaled pixels, 16 x 16: no weights. Raises ConfigError if a source is given."""
    if source is not None:
        raise ConfigError(f"the feature 'pixels' has no weights to load from {source!r}; write 'pixels' alone.")
    return PixelFeature()
