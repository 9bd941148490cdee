"""Detections from a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scalingar.bench.judges.detectors import DETECTORS, Detection
from scalingar.bench.judges.detectors.precomputed import PrecomputedDetections
from scalingar.core.errors import BenchmarkError, ConfigError
from tests.bench.judges.detectors.test_rle import encode_mask

DOG = {"class": "dog", "box": [0, 1, 5, 6], "score": 0.9}


def write(folder: Path, *lines: Any) -> Path:
    path = folder / "found.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def image(folder: Path, name: str) -> Image.Image:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    return Image.open(path)


def test_images_are_known_by_the_end_of_their_paths(tmp_path: Path) -> None:
    mask = np.eye(8, dtype=bool)
    cat = {**DOG, "class": "cat", "color": "red", "mask": encode_mask(mask)}
    path = write(
        tmp_path,
        {"filename": "/elsewhere/00001/samples/0000.png", "detections": [DOG, cat]},
        {"filename": "00001/samples/0001.png", "detections": []},
    )
    detector = DETECTORS["precomputed"](path, device="cpu", dtype=torch.float32)
    first, second = (image(tmp_path, f"run/00001/samples/000{n}.png") for n in (0, 1))
    found = detector([first, second])
    assert found == [[Detection("dog", (0, 1, 5, 6), 0.9), Detection("cat", (0, 1, 5, 6), 0.9, "red")], []]
    assert found[0][1].mask is not None
    assert (found[0][1].mask == mask).all()
    assert detector.version.startswith("sha256:")


def test_an_image_without_a_line_is_no_image_without_objects(tmp_path: Path) -> None:
    detector = PrecomputedDetections.read(write(tmp_path, {"filename": "a/b/c.png", "detections": []}))
    with pytest.raises(BenchmarkError, match=r"there are no detections of 00001/samples/0000\.png"):
        detector([image(tmp_path, "00001/samples/0000.png")])
    with pytest.raises(BenchmarkError, match="without a file name"):
        detector([Image.new("RGB", (8, 8))])


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["{"], "line 1 is no JSON"),
        (['{"filename": "a", "detections": [], "detections": []}'], "line 1 is no JSON .*'detections' is there twice"),
        (['{"filename": "a", "detections": NaN}'], "line 1 is no JSON .*NaN"),
        ([{"filename": "a", "detections": []}, {"filename": "a", "detections": []}], "line 2: a occurs twice"),
        ([{"filename": "a", "detections": [{**DOG, "box": [0, 1]}]}], r"line 1: detections\.0\.box\.2 is missing"),
        ([{"filename": "a", "detections": [{**DOG, "colour": "red"}]}], "colour is no setting; did you mean 'color'"),
    ],
)
def test_wrong_lines(lines: list[Any], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=complaint):
        PrecomputedDetections.read(write(tmp_path, *lines))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs its file"):
        PrecomputedDetections.read(None)
    with pytest.raises(BenchmarkError, match=r"cannot read .*; give a \.jsonl of detections"):
        PrecomputedDetections.read(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"class": "mouse"}, "'mouse' is no class of GenEval; did you mean 'computer mouse'"),
        ({"class": "remote"}, "did you mean 'tv remote'"),
        ({"class": "zzz"}, "'zzz' is no class of GenEval, which knows 80"),
        ({"color": "crimson"}, "'crimson' is no colour of GenEval"),
        ({"score": 97}, "must be <= 1"),
        ({"score": -0.1}, "must be >= 0"),
        ({"score": True}, "must be a number"),
        ({"box": [0, 0, True, 5]}, "must hold numbers, neither true nor false"),
    ],
)
def test_detections_in_other_words(change: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    path = write(tmp_path, {"filename": "0/samples/0.png", "detections": [DOG | change]})
    with pytest.raises(BenchmarkError, match=f"line 1: .*{complaint}"):
        PrecomputedDetections.read(path)


@pytest.mark.parametrize("box", [[0, 0, 80, 8], [-3, 0, 5, 5], [5, 5, 2, 6], [0, 6, 5, 1], [0, 10, 5, 12]])
def test_boxes_of_other_pictures(box: list[float], tmp_path: Path) -> None:
    path = write(tmp_path, {"filename": "0/samples/0.png", "detections": [DOG | {"box": box}]})
    with pytest.raises(BenchmarkError, match=r"0.png: the box .* of a dog is none .* inside the picture of 8 x 8"):
        PrecomputedDetections.read(path)([image(tmp_path, "0/samples/0.png")])


def test_boxes_in_shares_of_the_picture(tmp_path: Path) -> None:
    path = write(tmp_path, {"filename": "0/samples/0.png", "detections": [DOG | {"box": [0.1, 0.2, 0.9, 1.0]}]})
    with pytest.raises(BenchmarkError, match=r"0.png: the box .* of a dog is less than a pixel, as of shares"):
        PrecomputedDetections.read(path)([image(tmp_path, "0/samples/0.png")])


def test_boxes_that_end_at_the_edge(tmp_path: Path) -> None:
    path = write(tmp_path, {"filename": "0/samples/0.png", "detections": [DOG | {"box": [-0.5, 0, 8, 8.5]}]})
    assert len(PrecomputedDetections.read(path)([image(tmp_path, "0/samples/0.png")])[0]) == 1


def test_masks_of_other_pictures(tmp_path: Path) -> None:
    path = write(tmp_path, {"filename": "0/samples/0.png", "detections": [DOG | {"mask": encode_mask(np.eye(4) > 0)}]})
    with pytest.raises(BenchmarkError, match=r"0.png: a mask is 4 x 4 pixels, its picture 8 x 8"):
        PrecomputedDetections.read(path)([image(tmp_path, "0/samples/0.png")])
