"""The interface and registry of object detectors and colour classifiers."""

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

MIXED = "mixed"
"""Colour of an object for which none of the ten names fits."""


@dataclass(frozen=True)
class Detection:
    """One object. ``mask`` covers the whole image; ``color`` is set by detectors that know colours."""

    name: str
    box: Box
    score: float
    color: str | None = None
    mask: Bool[np.ndarray, "h w"] | None = field(default=None, repr=False, compare=False)


class Detector(Protocol):
    """Finds objects. It reports all detections; the caller applies thresholds.

    One that names no colours says so in an attribute ``names_colors``, False. Then a classifier names them, CLIP unless
    another one is asked for; where none is to, the detector is refused before images are drawn. One without masks says
    so in ``gives_masks``, False, and is refused beside a classifier that says ``needs_masks``, True.
    """

    @property
    def name(self) -> str:
        """Its name in the registry."""

    @property
    def version(self) -> str:
        """Identifies its weights or detections: a hash or a pinned name."""

    @property
    def label(self) -> str:
        """The name of a GenEval score that it gives, such as ``"GenEval (HF detector)"``."""

    def __call__(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """Detections of each image, in any order."""


class ColorClassifier(Protocol):
    """Names the colour of an object."""

    @property
    def name(self) -> str:
        """Name of the classifier and its weights."""

    def __call__(self, image: Image.Image, detection: Detection) -> str:
        """One of :data:`~scalingar.models.embedded.vocabulary.COLORS`."""


class DetectorFactory(Protocol):
    """Makes a detector from ``source``: a file, a folder or a hub name; None: its default."""

    def __call__(self, source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> Detector:
        """Raises ConfigError or WeightsError."""


class ColorClassifierFactory(Protocol):
    """Makes a colour classifier, as a :class:`DetectorFactory` makes a detector."""

    def __call__(self, source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> ColorClassifier:
        """Raises ConfigError or WeightsError."""


DETECTORS: Registry[DetectorFactory] = Registry("detectors")
COLOR_CLASSIFIERS: Registry[ColorClassifierFactory] = Registry("color_classifiers")
