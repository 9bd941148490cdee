"""Detections by another program, read from a file, so that those of mmdet can be scored by the same rules.

One line per image::

    {"filename": "00000/samples/0000.png", "detections": [{"class": "bench", "box": [x0, y0, x1, y1], "score": 0.97}]}

A detection may have ``color`` and ``mask`` (COCO run-length encoding, compressed or not). An image without
objects has an empty list; an image without a line is an error.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scalingar.bench.data_files import read_lines
from scalingar.bench.judges.detectors.detector import DETECTORS, Detection, Detector
from scalingar.bench.judges.detectors.rle import decode_mask
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.files import sha256
from scalingar.core.validation import sentence

_PARTS = 3
"""Parts of a path, from the end, that identify an image: ``NNNNN/samples/NNNN.png``."""
Key = tuple[str, ...]


class _Detection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(alias="class")
    box: tuple[float, float, float, float]
    score: float
    color: str | None = None
    mask: dict[str, Any] | None = None

    def detection(self) -> Detection:
        mask = None if self.mask is None else decode_mask(self.mask)
        return Detection(self.name, self.box, self.score, self.color, mask)


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    filename: str
    detections: tuple[_Detection, ...]


class PrecomputedDetections:
    """A detector that looks images up by the last three parts of their file names."""

    name = "precomputed"
    label = "GenEval (precomputed detections)"

    def __init__(self, detections: dict[Key, tuple[_Detection, ...]], version: str) -> None:
        self._detections = detections
        self.version = version

    @classmethod
    def read(cls, path: str | Path | None) -> "PrecomputedDetections":
        """Raises ConfigError without a path, BenchmarkError for a file that cannot be read or a line that is wrong."""
        if path is None:
            raise ConfigError("the detector precomputed needs its file: set detector_source to a .jsonl of detections.")
        path = Path(path).expanduser()
        detections: dict[Key, tuple[_Detection, ...]] = {}
        for number, line in read_lines(path, "give a .jsonl of detections with one line per image"):
            entry = _parsed(line, f"{path}, line {number}")
            if (key := _key(entry.filename)) in detections:
                raise BenchmarkError(f"{path}, line {number}: {'/'.join(key)} occurs twice.")
            detections[key] = entry.detections
        return cls(detections, f"sha256:{sha256(path)[:16]}")

    def __call__(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """Looked up by ``filename``. Raises BenchmarkError for an image that has none or is not in the file."""
        return [[entry.detection() for entry in self._of(image)] for image in images]

    def _of(self, image: Image.Image) -> tuple[_Detection, ...]:
        name = str(getattr(image, "filename", ""))
        if not name:
            raise BenchmarkError("an image without a file name has no precomputed detections; score images on disk.")
        if (key := _key(name)) not in self._detections:
            raise BenchmarkError(
                f"there are no detections of {'/'.join(key)}; an image without objects needs a line too."
            )
        return self._detections[key]


@DETECTORS.register(PrecomputedDetections.name)
def precomputed(source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> Detector:
    """Detections another program wrote to a JSONL file, such as mmdet's."""
    return PrecomputedDetections.read(source)


def _parsed(line: str, where: str) -> _Line:
    try:
        return _Line.model_validate_json(line)
    except ValidationError as error:
        raise BenchmarkError(f"{where}: {sentence(error, _Line)}.") from None


def _key(name: str) -> Key:
    return PurePosixPath(name.replace("\\", "/")).parts[-_PARTS:]
