"""Object detectors and colour classifiers by name; each is imported when it is made."""

from pathlib import Path

import torch

from scalingar.bench.judges.detectors.detector import (
    COLOR_CLASSIFIERS,
    DETECTORS,
    Box,
    ColorClassifier,
    Detection,
    Detector,
)

__all__ = ["COLOR_CLASSIFIERS", "DETECTORS", "Box", "ColorClassifier", "Detection", "Detector"]


@DETECTORS.register("precomputed")
def _precomputed(source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> Detector:
    """Detections another program wrote to a JSONL file, such as mmdet's."""
    from scalingar.bench.judges.detectors.precomputed import PrecomputedDetections  # noqa: PLC0415

    return PrecomputedDetections.read(source)


@DETECTORS.register("hf-mask2former")
def _mask2former(source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> Detector:
    """Mask2Former of transformers with GenEval's pre- and post-processing; its scores are not GenEval's own."""
    from scalingar.bench.judges.detectors.mask2former import Mask2FormerDetector  # noqa: PLC0415

    return Mask2FormerDetector.load(source, device=device, dtype=dtype)


@DETECTORS.register("embedded")
def _embedded(source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> Detector:
    """The embedded world's own: class, box and colour; knows 96 x 96 scenes only."""
    from scalingar.bench.judges.detectors.embedded_detector import EmbeddedDetector  # noqa: PLC0415

    return EmbeddedDetector(source, device=device, dtype=dtype)


@COLOR_CLASSIFIERS.register("clip")
def _clip(source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> ColorClassifier:
    """CLIP ViT-L/14, asked as GenEval asks it."""
    from scalingar.bench.judges.detectors.clip_colors import ClipColors  # noqa: PLC0415

    return ClipColors.load(source, device=device, dtype=dtype)
