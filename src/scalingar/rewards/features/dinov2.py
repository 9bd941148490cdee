"""DINOv2 with registers, the feature of TTS-VAR."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.core.packages import require
from scalingar.core.pixels import levels, rgb, standardised
from scalingar.rewards.features.feature import FEATURES, Feature

RELEASED = "facebook/dinov2-with-registers-large"
"""The weights of ``dinov2_vitl14_reg``."""
SIZE = 224
"""Pixels along each side, 16 x 16 patches of 14."""
BATCH = 8
"""Images per forward pass on an accelerator."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def preprocess(images: Sequence[Image.Image], size: int = SIZE) -> Float[Tensor, "n 3 s s"]:
    """Resized to ``size`` × ``size`` (bilinear, antialiased, no crop), with ImageNet's mean and deviation."""
    resized = [rgb(image).resize((size, size), Image.Resampling.BILINEAR) for image in images]
    return standardised(levels(resized), _MEAN, _STD)


@dataclass(frozen=True)
class DINOv2Feature:
    """The final-norm patch tokens of transformers' ``Dinov2WithRegistersModel``, fp32.

    ``batch_size``: images per forward pass; with 1 the last digits of none depend on the others.
    """

    network: Any
    batch_size: int = 1

    @torch.inference_mode()
    def __call__(self, images: Sequence[Image.Image]) -> Float[Tensor, "n 256 d"]:
        """Without class and register tokens."""
        return torch.cat([self._tokens(pixels) for pixels in preprocess(images).split(self.batch_size)])

    def _tokens(self, pixels: Float[Tensor, "m 3 s s"]) -> Float[Tensor, "m 256 d"]:
        tokens: Tensor = self.network(pixel_values=to_device(pixels, self.network.device)).last_hidden_state
        return tokens[:, 1 + self.network.config.num_register_tokens :].float()


@FEATURES.register("dinov2")
def dinov2(source: str | None, *, device: str | torch.device) -> Feature:
    """DINOv2 ViT-L/14 with registers, or another size as ``dinov2:FOLDER``.

    Raises:
        PackageError: transformers is not installed.
        WeightsError: the weights are missing, damaged or of another kind of model.
    """
    require("the feature 'dinov2'", "hf")
    from transformers import Dinov2WithRegistersModel  # noqa: PLC0415

    from scalingar.models.hf.loading import load_network  # noqa: PLC0415

    network = load_network(Dinov2WithRegistersModel, source or RELEASED, device=device, dtype=torch.float32)
    return DINOv2Feature(network, 1 if torch.device(device).type == "cpu" else BATCH)
