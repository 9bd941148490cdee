"""Object detectors and colour classifiers, one file each under ``@DETECTORS.register``. Nothing that chooses images."""

from scalingar.bench.judges.detectors import clip_colors, embedded_detector, mask2former, precomputed  # noqa: F401
from scalingar.bench.judges.detectors.detector import COLOR_CLASSIFIERS, DETECTORS, ColorClassifier, Detection, Detector

__all__ = ["COLOR_CLASSIFIERS", "DETECTORS", "ColorClassifier", "Detection", "Detector"]
