"""Mask2Former from transformers, with mmdet's pre- and post-processing instead of the library's.

The published checkpoints come from another training run than GenEval's, so scores are called "GenEval (HF detector)".
transformers itself would resize images to 384 x 384, threshold masks at that size, and drop boxes.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from scalingar.bench.judges.detectors.detector import DETECTORS, Box, Detection
from scalingar.bench.judges.pretrained import PretrainedNetwork
from scalingar.core.errors import WeightsError
from scalingar.core.pixels import levels
from scalingar.models.embedded.vocabulary import OBJECT_CLASSES

SHORT_SIDE, LONG_SIDE = 800, 1333
"""Images are resized to this short side in pixels, or less where the long side would exceed its limit."""
DIVISOR, PADDING = 32, 128
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""ImageNet's, RGB."""
INSTANCES = 100
"""Number of reported pairs of query and class, those with the highest scores."""


class Prepared(NamedTuple):
    """The network's input; height and width before padding, and of the original image."""

    pixels: Float[Tensor, "1 3 h w"]
    resized: tuple[int, int]
    original: tuple[int, int]


NAME = "hf-mask2former"


@DETECTORS.register(NAME)
class Mask2FormerDetector(PretrainedNetwork):
    """Mask2Former of transformers with GenEval's pre- and post-processing; its scores are not GenEval's own.

    Instances of COCO's 80 classes by GenEval's names, without a threshold.
    """

    name = NAME
    label = "GenEval (HF detector)"
    names_colors = False
    kind: ClassVar[str] = NAME
    architecture: ClassVar[str] = "Mask2FormerForUniversalSegmentation"
    default: ClassVar[str] = "facebook/mask2former-swin-small-coco-instance"
    extra: ClassVar[str] = "geneval"

    def check(self, network: Any) -> None:
        """Raises WeightsError unless it has 80 classes, which are taken to be in COCO's order."""
        if (classes := network.config.num_labels) != len(OBJECT_CLASSES):
            raise WeightsError(f"{self.source} knows {classes} classes, not COCO's 80; choose a COCO instance model.")

    @torch.inference_mode()
    def __call__(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """One image at a time: sizes differ, and at 800 pixels batches are not faster."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Image.Image) -> list[Detection]:
        prepared = prepare(image)
        output = self.network(pixel_values=self.to_network(prepared.pixels))
        logits = output.class_queries_logits[0].float()
        return instances(logits, output.masks_queries_logits[0].float(), prepared)


def prepare(image: Image.Image) -> Prepared:
    """mmdet's test pipeline: resize without antialiasing, pad right and below, normalise."""
    pixels, original = levels([image]), (image.height, image.width)
    resized = resized_sides(*original)
    pixels = F.interpolate(pixels, resized, mode="bilinear", align_corners=False).round()
    height, width = (-side % DIVISOR for side in resized)
    pixels = F.pad(pixels, (0, width, 0, height), value=PADDING)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return Prepared((pixels - mean) / std, resized, original)


def resized_sides(height: int, width: int) -> tuple[int, int]:
    """Height and width after resizing, rounded half up."""
    scale = min(LONG_SIDE / max(height, width), SHORT_SIDE / min(height, width))
    return int(height * scale + 0.5), int(width * scale + 0.5)


def instances(
    class_logits: Float[Tensor, "q c"], mask_logits: Float[Tensor, "q h w"], prepared: Prepared
) -> list[Detection]:
    """The best pairs of query and class, scored by class probability times mean probability inside the mask."""
    scores = class_logits.softmax(-1)[:, :-1].flatten()
    best = scores.topk(min(INSTANCES, len(scores)))
    classes = len(OBJECT_CLASSES)
    results = []
    for score, index in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        logits = full_size(mask_logits[index // classes], prepared)
        mask = logits > 0
        inside = float((logits.sigmoid() * mask).sum() / (mask.sum() + 1e-6))
        array = mask.cpu().numpy()
        results.append(Detection(OBJECT_CLASSES[index % classes], tight_box(array), score * inside, mask=array))
    return results


def full_size(logits: Float[Tensor, "h w"], prepared: Prepared) -> Float[Tensor, "height width"]:
    """Mask logits resized to the padded size, cropped, and resized to the original size, all before thresholding."""
    padded = F.interpolate(logits[None, None], prepared.pixels.shape[2:], mode="bilinear", align_corners=False)
    height, width = prepared.resized
    picture = padded[:, :, :height, :width]
    return F.interpolate(picture, prepared.original, mode="bilinear", align_corners=False)[0, 0]


def tight_box(mask: Bool[np.ndarray, "h w"]) -> Box:
    """The smallest box around the mask, with exclusive ends; zeros for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return 0.0, 0.0, 0.0, 0.0
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
