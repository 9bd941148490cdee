"""The detector of the embedded world: class, box and colour of every object in a 96 x 96 scene."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image

from scalingar.bench.judges.detectors.center_net import STRIDE, CenterNet, CenterNetConfig, Heads
from scalingar.bench.judges.detectors.detector import DETECTORS, MIXED, Detection
from scalingar.core.files import sha256
from scalingar.models.embedded.installed_weights import embedded_file
from scalingar.models.embedded.scene_pixels import scene_batches
from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES
from scalingar.models.weights.module_file import load_module

SIDE = 96
"""Pixels along a side of a scene; in images of other sizes objects would be missed, so they are refused."""
MIN_SCORE = 0.05
"""Detections with lower scores are not reported; it lies far below every threshold in use."""
REACH = 2
"""Cells around a centre in which no second object is reported; objects are five cells wide."""


@DETECTORS.register("embedded")
class EmbeddedDetector:
    """The embedded world's own: class, box and colour; knows 96 x 96 scenes only.

    ``source``: a weight file or a folder with ``detector.safetensors``; None: the installed package's.
    """

    name = "embedded"
    label = "GenEval (embedded detector)"
    gives_masks = False

    def __init__(
        self,
        source: str | Path | None = None,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Nothing is read yet."""
        self.source = source
        self.device, self.dtype = torch.device(device), dtype

    @cached_property
    def path(self) -> Path:
        """Of the weights. Raises WeightsError: there are none."""
        return embedded_file("detector", self.source)

    @cached_property
    def network(self) -> CenterNet:
        """The network. Raises WeightsError for a missing, damaged or foreign file."""
        return load_module(self.path, CenterNetConfig, CenterNet).to(self.device, self.dtype)

    @cached_property
    def version(self) -> str:
        """The beginning of the weight file's SHA-256."""
        return sha256(self.path)[:12]

    @torch.inference_mode()
    def __call__(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """Objects of each image, most confident first; ``color`` is one of the ten names or ``MIXED``.

        Raises:
            ConfigError: an image is not 96 x 96 pixels.
        """
        results: list[list[Detection]] = []
        for pixels in scene_batches(images, SIDE, "the embedded detector"):
            heads = self.network(pixels.to(self.device, self.dtype))
            results += detections(Heads(*(part.float().cpu() for part in heads)))
        return results


def detections(heads: Heads) -> list[list[Detection]]:
    """Local maxima of the objectness; the score is objectness times class probability."""
    objectness = heads.objectness.sigmoid()
    around = F.max_pool2d(objectness[:, None], 2 * REACH + 1, stride=1, padding=REACH)[:, 0]
    certainty, names = heads.classes.softmax(1).max(1)
    scores = torch.where(objectness == around, objectness * certainty, 0.0)
    colors = heads.colors.argmax(1)
    results: list[list[Detection]] = [[] for _ in scores]
    for n, row, column in (scores > MIN_SCORE).nonzero().tolist():
        left, top, right, bottom = (heads.sides[n, :, row, column] * STRIDE).tolist()
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        results[n].append(
            Detection(
                name=OBJECT_CLASSES[names[n, row, column]],
                box=(x - left, y - top, x + right, y + bottom),
                score=float(scores[n, row, column]),
                color=(*COLORS, MIXED)[int(colors[n, row, column])],
            )
        )
    return [sorted(image_detections, key=lambda detection: -detection.score) for image_detections in results]
