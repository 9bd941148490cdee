"""The latent of a next-scale model, a feature without weights and without pictures."""

import torch
from jaxtyping import Float
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.rewards.features.feature import FEATURES, CodeFeature


class LatentFeature(CodeFeature):
    """Every place of the latent is a token: the sum of the vectors of the codes drawn for it."""

    def of_latents(self, latents: Float[Tensor, "n d h w"]) -> Float[Tensor, "n t d"]:
        """In raster order, on the CPU."""
        return latents.flatten(2).transpose(1, 2).float().cpu()


@FEATURES.register("latent")
def latent(source: str | None, *, device: str | torch.device) -> CodeFeature:
    """The codes' sum before it is decoded, of next-scale models: no weights, no picture. Raises ConfigError."""
    if source is not None:
        raise ConfigError(f"the feature 'latent' has no weights to load from {source!r}; write 'latent' alone.")
    return LatentFeature()
