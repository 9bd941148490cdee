"""Object detectors and colour classifiers, one file each under ``@DETECTORS.register``. Nothing that chooses images."""

from scalingar.bench.judges.detectors.clip_colors import ClipColors
from scalingar.bench.judges.detectors.detector import (
    COLOR_CLASSIFIERS,
    DETECTORS,
    Box,
    ColorClassifier,
    Detection,
    Detector,
)
from scalingar.bench.judges.detectors.embedded_detector import EmbeddedDetector
from scalingar.bench.judges.detectors.mask2former import Mask2FormerDetector
from scalingar.bench.judges.detectors.precomputed import PrecomputedDetections

__all__ = [
    "COLOR_CLASSIFIERS",
    "DETECTORS",
    "Box",
    "ClipColors",
    "ColorClassifier",
    "Detection",
    "Detector",
    "EmbeddedDetector",
    "Mask2FormerDetector",
    "PrecomputedDetections",
]
