"""Detections by another program, read from a file, so that those of mmdet can be scored by the same rules.

One line per image::

    {"filename": "00000/samples/0000.png", "detections": [{"class": "bench", "box": [x0, y0, x1, y1], "score": 0.97}]}

A detection may have ``color`` and ``mask`` (COCO run-length encoding, compressed or not). An image without
objects has an empty list; an image without a line is an error.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import torch
from PIL import Image
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from scalingar.bench.data_files import read_lines
from scalingar.bench.judges.detectors.detector import DETECTORS, MIXED, Detection, Detector
from scalingar.bench.judges.detectors.rle import decode_mask
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.files import sha256
from scalingar.core.text_file import parse_json
from scalingar.core.validation import no_truth, sentence
from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES

_PARTS = 3
"""Parts of a path, from the end, that identify an image: ``NNNNN/samples/NNNN.png``."""
_EDGE = 1.0
"""Pixels by which a box may lie outside: programs count its ends in or out, and round."""
Key = tuple[str, ...]


def _one_of(kind: str, names: Sequence[str]) -> AfterValidator:
    """Refuses other names, which would be scored as nothing found."""

    def check(name: str) -> str:
        if name not in names:
            close = [known for known in names if name in known] or get_close_matches(name, names, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f", which knows {len(names)}, such as {names[0]!r}"
            raise ValueError(f"{name!r} is no {kind} of GenEval{hint}")
        return name

    return AfterValidator(check)


class _Detection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, _one_of("class", OBJECT_CLASSES)] = Field(alias="class")
    box: Annotated[tuple[float, float, float, float], BeforeValidator(no_truth)]
    score: Annotated[float, BeforeValidator(no_truth)] = Field(ge=0, le=1)
    color: Annotated[str, _one_of("colour", (*COLORS, MIXED))] | None = None
    mask: dict[str, Any] | None = None

    def detection(self, size: tuple[int, int], where: str) -> Detection:
        """On a picture of ``size``, width and height. Raises BenchmarkError for what lies outside."""
        x0, y0, x1, y1 = self.box
        if not (-_EDGE <= x0 <= x1 <= size[0] + _EDGE and -_EDGE <= y0 <= y1 <= size[1] + _EDGE):
            raise BenchmarkError(
                f"{where}: the box {list(self.box)} of a {self.name} is none [x0, y0, x1, y1] inside the picture of "
                f"{size[0]} x {size[1]} pixels; write boxes in pixels of the picture that is scored."
            )
        if max(self.box) <= 1 < min(size):
            raise BenchmarkError(
                f"{where}: the box {list(self.box)} of a {self.name} is less than a pixel, as of shares of the "
                "picture; write boxes in pixels."
            )
        try:
            mask = None if self.mask is None else decode_mask(self.mask, size)
        except BenchmarkError as error:
            raise BenchmarkError(f"{where}: {error}") from None
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
        found = [detection for line in detections.values() for detection in line]
        self.names_colors = all(detection.color is not None for detection in found)

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
        return [[entry.detection(image.size, _named(image)) for entry in self._of(image)] for image in images]

    def _of(self, image: Image.Image) -> tuple[_Detection, ...]:
        name = _named(image)
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


def _named(image: Image.Image) -> str:
    return str(getattr(image, "filename", ""))


def _parsed(line: str, where: str) -> _Line:
    try:
        return _Line.model_validate(parse_json(line))
    except ValidationError as error:
        raise BenchmarkError(f"{where}: {sentence(error, _Line).rstrip('.')}.") from None
    except ValueError as error:
        raise BenchmarkError(f"{where} is no JSON ({error}); write it again.") from None


def _key(name: str) -> Key:
    return PurePosixPath(name.replace("\\", "/")).parts[-_PARTS:]
