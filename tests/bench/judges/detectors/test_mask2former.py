"""mmdet's pre- and post-processing by hand, and a tiny network with random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

from scalingar.bench.judges.detectors import DETECTORS, mask2former
from scalingar.bench.judges.detectors.mask2former import (
    Mask2FormerDetector,
    Prepared,
    instances,
    prepare,
    resized_sides,
    tight_box,
)
from scalingar.core.errors import WeightsError
from scalingar.models.embedded.vocabulary import OBJECT_CLASSES


def tiny(classes: int = 80) -> Mask2FormerForUniversalSegmentation:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        swin: dict[str, Any] = {"embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2], "window_size": 4}
        swin["out_features"] = ["stage1", "stage2", "stage3", "stage4"]
        sizes: dict[str, Any] = dict.fromkeys(("feature_size", "mask_feature_size", "hidden_dim"), 32)
        sizes |= {"encoder_layers": 1, "decoder_layers": 2, "num_attention_heads": 2, "num_queries": 5}
        sizes |= {"encoder_feedforward_dim": 16, "dim_feedforward": 16, "num_labels": classes}
        config = Mask2FormerConfig(backbone_config=SwinConfig(**swin), **sizes)
        return Mask2FormerForUniversalSegmentation(config).eval()


@pytest.mark.parametrize(
    ("sides", "expected"),
    [((512, 512), (800, 800)), ((480, 640), (800, 1067)), ((300, 900), (444, 1333)), ((256, 384), (800, 1200))],
)
def test_sides(sides: tuple[int, int], expected: tuple[int, int]) -> None:
    assert resized_sides(*sides) == expected


def test_padding_comes_before_normalising() -> None:
    image = Image.new("RGB", (640, 480), (255, 0, 128))
    prepared = prepare(image)
    assert prepared.pixels.shape == (1, 3, 800, 1088)
    assert (prepared.resized, prepared.original) == ((800, 1067), (480, 640))
    red = prepared.pixels[0, 0]
    assert red[799, 1066] == pytest.approx((255 - 123.675) / 58.395)
    assert red[799, 1067] == pytest.approx((128 - 123.675) / 58.395)


def test_resizing_takes_neighbours_only() -> None:
    """Without antialiasing a fine pattern survives in the large: every fourth pixel stays what it was."""
    columns = np.zeros((1600, 1600, 3), np.uint8)
    columns[:, ::2] = 255
    red = prepare(Image.fromarray(columns)).pixels[0, 0] * 58.395 + 123.675
    assert red.unique().round().tolist() == [128.0]  # half way between two neighbours, 127.5 to even
    assert prepare(Image.new("RGB", (800, 800), (7, 7, 7))).pixels[0, 0, 0, 0] * 58.395 + 123.675 == pytest.approx(7)


def test_scores_boxes_and_masks_by_hand() -> None:
    """One query, logits 2 in the right half: a mask of probability sigmoid(2) wherever nothing is blurred."""
    masks = torch.full((1, 4, 4), -20.0)
    masks[:, :, 2:] = 20.0
    logits = torch.full((1, 81), -20.0)
    logits[0, [16, 80]] = torch.tensor([1.0, 0.0])
    prepared = Prepared(torch.zeros(1, 3, 16, 16), (16, 16), (8, 8))
    best = max(instances(logits, masks, prepared), key=lambda instance: instance.score)
    assert best.name == "dog"
    assert best.box == (4.0, 0.0, 8.0, 8.0)
    assert best.mask is not None
    assert best.mask.sum() == 32
    assert best.score == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-3)
    assert len(instances(logits, masks, prepared)) == 80


def test_the_padded_part_is_cut_away() -> None:
    masks = torch.full((1, 4, 4), -20.0)
    masks[:, :, 3:] = 20.0
    prepared = Prepared(torch.zeros(1, 3, 16, 16), (16, 12), (16, 12))
    only = instances(torch.zeros(1, 81), masks, prepared)[0]
    assert only.box[2] <= 12
    assert only.mask is not None
    assert only.mask.shape == (16, 12)


def test_boxes_of_masks() -> None:
    mask = np.zeros((5, 7), dtype=bool)
    assert tight_box(mask) == (0, 0, 0, 0)
    mask[1, 2] = mask[3, 5] = True
    assert tight_box(mask) == (2, 1, 6, 4)


def test_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask2former, "SHORT_SIDE", 96)
    tiny().save_pretrained(tmp_path)
    detector = DETECTORS["hf-mask2former"](tmp_path, device="cpu", dtype=torch.float32)
    images = [Image.new("RGB", (60, 40), (200, 30, 30)), Image.new("RGB", (40, 40))]
    first, second = detector(images)
    assert len(first) == len(second) == 100
    assert {one.name for one in first} <= set(OBJECT_CLASSES)
    assert all(one.mask is not None and one.mask.shape == (40, 60) for one in first)
    assert all(0 <= one.score <= 1 for one in first)
    assert detector([images[1]])[0] == second
    assert detector.label == "GenEval (HF detector)"


def test_other_classes_are_refused() -> None:
    with pytest.raises(WeightsError, match="x knows 133 classes, not COCO's 80"):
        Mask2FormerDetector("x").check(tiny(133))
