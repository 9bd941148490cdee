from pathlib import Path

import pytest
import torch
from PIL import Image

from scalingar.bench.benchmarks.geneval.prompts import spell_out
from scalingar.bench.benchmarks.geneval.rules import GenEvalOptions, found_objects, judge
from scalingar.bench.judges.detectors import DETECTORS, Detection
from scalingar.bench.judges.detectors.center_net import CenterNetConfig, Heads
from scalingar.bench.judges.detectors.embedded_detector import EmbeddedDetector, detections
from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES
from tests.upstream.world_renders import RENDERS, render


@pytest.fixture(scope="module")
def detector() -> EmbeddedDetector:
    return EmbeddedDetector()


def correct(phrase: str, found: list[Detection]) -> bool:
    metadata, options = spell_out(phrase), GenEvalOptions()
    return judge(
        metadata, found_objects(found, metadata.tag, options), lambda detection: str(detection.color), options
    ).correct


@pytest.mark.parametrize("name", RENDERS)
def test_true_prompts_are_correct_and_false_ones_wrong(detector: EmbeddedDetector, name: str) -> None:
    true, false = RENDERS[name]
    (found,) = detector([render(name)])
    assert correct(true, found)
    assert [phrase for phrase in false if correct(phrase, found)] == []


def test_an_image_does_not_depend_on_its_batch(detector: EmbeddedDetector) -> None:
    images = [render(name) for name in RENDERS]
    together, alone = detector(images), [detector([image])[0] for image in images]
    for some, same in zip(together, alone, strict=True):
        assert [(one.name, one.color) for one in some] == [(one.name, one.color) for one in same]
        for one, other in zip(some, same, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-4)
            assert one.box == pytest.approx(other.box, abs=1e-2)
    assert detector(images) == together


def test_nothing_is_found_on_a_blank_canvas_or_in_half_an_object(detector: EmbeddedDetector) -> None:
    blank = Image.new("RGB", (96, 96), (206, 222, 236))
    (dog,) = detector([render("dog")])[0]
    x0, y0, x1, y1 = (round(value) for value in dog.box)
    half = render("dog").convert("RGB")
    paper = half.crop((0, 95, 1, 96)).resize(((x0 + x1) // 2 - x0 + 2, y1 - y0 + 4))
    half.paste(paper, (x0 - 2, y0 - 2))
    for found in detector([blank, half]):
        assert not [one for one in found if one.score > 0.3]
    assert detector([]) == []


def test_peaks_become_boxes() -> None:
    """Worked by hand: two centres far enough apart, and a weaker neighbour that is suppressed."""
    heads = Heads(
        torch.full((1, 12, 12), -20.0),
        torch.zeros(1, 80, 12, 12),
        torch.zeros(1, 11, 12, 12),
        torch.full((1, 4, 12, 12), 2.5),
    )
    for row, column, logit, name, color in (
        (3, 4, 9.0, "cat", "red"),
        (3, 6, 8.0, "cat", "red"),
        (9, 9, 0.0, "dog", ""),
    ):
        heads.objectness[0, row, column] = logit
        heads.classes[0, OBJECT_CLASSES.index(name), row, column] = 30
        heads.colors[0, COLORS.index(color) if color else 10, row, column] = 5
    cat, dog = detections(heads)[0]
    assert (cat.name, cat.color, cat.box) == ("cat", "red", (16.0, 8.0, 56.0, 48.0))
    assert (dog.name, dog.color, dog.box) == ("dog", "mixed", (56.0, 56.0, 96.0, 96.0))
    assert dog.score == pytest.approx(0.5, abs=1e-6)


def test_it_is_registered_and_refuses_what_it_cannot_use(detector: EmbeddedDetector, tmp_path: Path) -> None:
    made = DETECTORS["embedded"](None, device="cpu", dtype=torch.float32)
    assert (made.name, made.version) == ("embedded", detector.version)
    assert detector.network.config == CenterNetConfig()
    with pytest.raises(ConfigError, match=r"image 0 is 64 x 96 pixels; .* 96 x 96"):
        detector([Image.new("RGB", (64, 96))])
    with pytest.raises(WeightsError, match=r"detector\.safetensors is missing, the source of the detector embedded"):
        EmbeddedDetector(tmp_path)([Image.new("RGB", (96, 96))])
