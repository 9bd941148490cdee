"""Finding the things that a prompt names: OWLv2 in place of UniDet, or any detector, whose names must then fit."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.bench.benchmarks.t2i_compbench.relations import iou
from scalingar.bench.judges.detectors import DETECTORS, Detection, Detector
from scalingar.bench.judges.pretrained import PretrainedJudge
from scalingar.core.pixels import levels, standardised
from scalingar.models.hf.clip_pixels import MEAN, STD

OWLV2 = "owlv2"
UNIDET_THRESHOLD, OWLV2_THRESHOLD = 0.5, 0.2
"""Least confidence; OWLv2's is lower for things it is sure of."""
OVERLAP = 0.5
"""Of boxes of one name that overlap by more (IoU), the most confident stays."""
MAX_TOKENS = 16
GREY = 127.5


class Objects(Protocol):
    """Finds things by name."""

    @property
    def name(self) -> str:
        """Model and weights; printed with every score."""

    def __call__(self, image: Image.Image, names: Sequence[str]) -> list[Detection]:
        """The things, the most confident first; a closed detector gives all that it finds, whatever the names."""


def load_objects(
    kind: str,
    source: str | None,
    threshold: float | None,
    *,
    device: str | torch.device,
    dtype: torch.dtype,
) -> Objects:
    """OWLv2, or the detector of that name. Raises ConfigError."""
    if kind == OWLV2:
        finder = Owlv2(source, device=device, dtype=dtype)
        finder.threshold = OWLV2_THRESHOLD if threshold is None else threshold
        return finder
    detector = DETECTORS[kind](source, device=device, dtype=dtype)
    return Detected(detector, UNIDET_THRESHOLD if threshold is None else threshold)


class Detected:
    """A detector with names of its own, or the detections of another program."""

    def __init__(self, detector: Detector, threshold: float) -> None:
        self.detector = detector
        self.threshold = threshold
        self.kind = detector.name

    @property
    def name(self) -> str:
        """The detector and its version."""
        return f"{self.detector.name} {self.detector.version}"

    def __call__(self, image: Image.Image, names: Sequence[str]) -> list[Detection]:
        """All things above the threshold."""
        (found,) = self.detector([image])
        return confident(found, self.threshold)


class Owlv2(PretrainedJudge):
    """OWLv2 (Minderer et al. 2023), which finds what a text names."""

    kind: ClassVar[str] = OWLV2
    architecture: ClassVar[str] = "Owlv2ForObjectDetection"
    default: ClassVar[str] = "google/owlv2-base-patch16-ensemble"
    threshold = OWLV2_THRESHOLD

    @torch.inference_mode()
    def __call__(self, image: Image.Image, names: Sequence[str]) -> list[Detection]:
        """Things of these names above the threshold; of overlapping boxes of one name, the most confident."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return []
        pixels = self.to_network(square(image, self.network.config.vision_config.image_size))
        texts = self.tokenizer(
            [f"a photo of a {name}" for name in wanted],
            padding=True,
            padding_side="right",
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
        )
        on_device = {name: texts[name].to(pixels.device) for name in ("input_ids", "attention_mask")}
        output = self.network(pixel_values=pixels, **on_device)
        scores = output.logits[0].float().sigmoid()
        boxes = corners(output.pred_boxes[0].float(), image)
        return confident(
            [
                Detection(name, (box[0], box[1], box[2], box[3]), score)
                for column, name in enumerate(wanted)
                for box, score in zip(boxes.tolist(), scores[:, column].tolist(), strict=True)
            ],
            self.threshold,
            overlap=OVERLAP,
        )


def confident(found: Sequence[Detection], threshold: float, *, overlap: float | None = None) -> list[Detection]:
    """Those with a score above the threshold, in descending order; with ``overlap``, without repetitions."""
    kept: list[Detection] = []
    for thing in sorted((thing for thing in found if thing.score > threshold), key=lambda thing: -thing.score):
        if overlap is None or all(thing.name != other.name or iou(thing.box, other.box) <= overlap for other in kept):
            kept.append(thing)
    return kept


def square(image: Image.Image, side: int) -> Float[Tensor, "1 3 s s"]:
    """Padded with grey on the right and below to a square, resized and standardised."""
    pixels = levels([image])
    longest = max(image.size)
    padded = F.pad(pixels, (0, longest - image.width, 0, longest - image.height), value=GREY)
    return standardised(F.interpolate(padded, (side, side), mode="bilinear", antialias=True), MEAN, STD)


def corners(boxes: Float[Tensor, "q 4"], image: Image.Image) -> Float[Tensor, "q 4"]:
    """Centres and sides in parts of the padded square to corners in pixels, inside the image."""
    centres, halves = boxes[:, :2], boxes[:, 2:] / 2
    pixels = torch.cat([centres - halves, centres + halves], 1) * max(image.size)
    return pixels.clamp_min(0).minimum(pixels.new_tensor([*image.size, *image.size]))
