"""Features of 96 x 96 scenes, from the embedded world's reward network."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.rewards.embedded_reward import EmbeddedReward
from scalingar.rewards.features.feature import FEATURES, Feature


@dataclass(frozen=True)
class EmbeddedFeature:
    """Patch features of :class:`~scalingar.rewards.embedded_reward.EmbeddedReward`, independent of the prompt."""

    reward: EmbeddedReward

    def __call__(self, images: Sequence[Image.Image]) -> Float[Tensor, "n 144 d"]:
        """A token for each 8 x 8 patch. Raises ConfigError for images of another size."""
        return self.reward.patch_features(images)


@FEATURES.register("embedded")
def embedded(source: str | None, *, device: str | torch.device) -> Feature:
    """For images of the embedded models only. Raises WeightsError for a missing, damaged or foreign weight file."""
    reward = EmbeddedReward(source, device=device)
    reward.prepare()
    return EmbeddedFeature(reward)
