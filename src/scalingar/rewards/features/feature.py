"""The interface and registry of image features."""

from collections.abc import Sequence
from typing import Protocol

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.registry import Registry, split_source


class Feature(Protocol):
    """Maps images to tokens, which are similar for images that look alike."""

    def __call__(self, images: Sequence[Image.Image]) -> Float[Tensor, "n t d"]:
        """``t`` fp32 tokens per image, in raster order, independent of the other images."""


class CodeFeature(Feature):
    """A feature of what is drawn before it is a picture, so that none is decoded."""

    def __call__(self, images: Sequence[Image.Image]) -> Float[Tensor, "n t d"]:
        """Raises ConfigError: it does not look at images."""
        raise ConfigError(f"{type(self).__name__} describes latents and looks at no image; name another feature.")

    def of_latents(self, latents: Float[Tensor, "n d h w"]) -> Float[Tensor, "n t d"]:
        """``t`` fp32 tokens per image from the sum of its codes' vectors so far."""
        raise NotImplementedError(type(self).__name__)


class FeatureFactory(Protocol):
    """Builds a feature; imports and weights are loaded only here."""

    def __call__(self, source: str | None, *, device: str | torch.device) -> Feature:
        """``source``: folder or hub name of the weights; None: the default. Raises ConfigError, WeightsError."""


FEATURES: Registry[FeatureFactory] = Registry("features")
"""A new feature is a file with a function under ``@FEATURES.register(name)``."""


def check_feature(name: str) -> None:
    """Raises ConfigError unless ``name``, or ``name:source``, is one of the features."""
    _entry(name)


def make_feature(name: str, device: str | torch.device = "cpu") -> Feature:
    """A feature by name, or by ``name:source`` with weights from a folder or hub name.

    Raises:
        ConfigError: no such feature.
        WeightsError: its weights cannot be loaded.
    """
    factory, source = _entry(name)
    return factory(source, device=device)


def _entry(text: str) -> tuple[FeatureFactory, str | None]:
    name, source = split_source("feature", text)
    return FEATURES[name], source
