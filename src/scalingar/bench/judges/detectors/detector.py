"""What a detector is: objects of an image with class, box and confidence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Bool
from PIL import Image

from scalingar.core.registry import Registry

Box = tuple[float, float, float, float]
"""``(x0, y0, x1, y1)`` in pixels, y downwards."""


@dataclass(frozen=True)
class Detection:
    """One object. ``mask`` covers the whole image, ``(h, w)``; ``color`` is set by detectors that know colours."""

    name: str
    box: Box
    score: float
    color: str | None = None
    mask: Bool[np.ndarray, "h w"] | None = field(default=None, repr=False, compare=False)


class Detector(Protocol):
    """Finds objects. It reports all it sees; thresholds are the caller's."""

    @property
    def name(self) -> str:
        """As the registry has it."""

    @property
    def version(self) -> str:
        """Tells one set of weights or detections from another: a hash or a pinned name."""

    @property
    def label(self) -> str:
        """What a GenEval score from it must be called, such as ``"GenEval (HF detector)"``."""

    def __call__(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """Detections of each image, in any order."""


class ColorClassifier(Protocol):
    """Names the colour of an object."""

    @property
    def name(self) -> str:
        """Of the classifier and its weights."""

    def __call__(self, image: Image.Image, detection: Detection) -> str:
        """One of :data:`~scalingar.models.embedded.vocabulary.COLORS`."""


class DetectorFactory(Protocol):
    """Makes a detector of ``source``: a file, a folder or a hub name; None is its default."""

    def __call__(self, source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> Detector:
        """Raises ConfigError or WeightsError."""


class ColorClassifierFactory(Protocol):
    """Makes a colour classifier of ``source``, as a :class:`DetectorFactory` does."""

    def __call__(self, source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> ColorClassifier:
        """Raises ConfigError or WeightsError."""


DETECTORS: Registry[DetectorFactory] = Registry("detectors")
COLOR_CLASSIFIERS: Registry[ColorClassifierFactory] = Registry("color_classifiers")
