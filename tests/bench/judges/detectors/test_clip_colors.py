"""Colours by CLIP, on a tiny network with random weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel
from transformers.tokenization_utils_base import BatchEncoding

from scalingar.bench.judges.detectors import COLOR_CLASSIFIERS, Detection
from scalingar.bench.judges.detectors.clip_colors import ClipColors, masked_crop
from scalingar.core.errors import BenchmarkError, WeightsError
from scalingar.models.embedded.vocabulary import COLORS
from scalingar.models.hf.clip_pixels import cropped, normalised


def tiny(activation: str = "quick_gelu") -> CLIPModel:
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    text = {**sizes, "vocab_size": 300, "eos_token_id": 299, "hidden_act": activation}
    vision = {**sizes, "image_size": 32, "patch_size": 8, "hidden_act": activation}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).eval()


def judge(network: CLIPModel, letters: "Letters") -> ClipColors:
    colors = ClipColors("tiny")
    colors.check(network)
    colors.network, colors.tokenizer = network, letters
    return colors


class Letters:
    """Reads a text letter by letter, and remembers it."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(
        self, texts: Sequence[str], *, padding: bool, padding_side: str = "right", return_tensors: str
    ) -> BatchEncoding:
        assert padding_side == "right"
        self.texts += texts
        length = max(map(len, texts)) + 1
        ids = [[*map(ord, text), 299, *[0] * (length - len(text) - 1)] for text in texts]
        tensor = torch.tensor(ids)
        return BatchEncoding({"input_ids": tensor, "attention_mask": (tensor > 0).long()})


def half(width: int = 40, height: int = 30) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    mask[:, : width // 2] = True
    return mask


DOG = Detection("dog", (10.4, 5.5, 29.6, 24.5), 0.9, mask=half())


def test_the_crop_is_grey_outside_the_mask() -> None:
    crop = masked_crop(Image.new("RGB", (40, 30), (255, 0, 0)), DOG)
    assert crop.size == (20, 18)  # from (10, 6) to (30, 24): halves to even, as Pillow rounds
    assert crop.getpixel((9, 0)) == (255, 0, 0)
    assert crop.getpixel((10, 0)) == (153, 153, 153)
    assert crop.size == Image.new("RGB", (40, 30)).crop(DOG.box).size


def test_long_crops_lose_their_ends() -> None:
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, :20], pixels[:, 40:] = 255, 255
    shown = normalised([cropped(Image.fromarray(pixels), 32)])
    assert shown.shape == (1, 3, 32, 32)
    assert shown[0, :, 16, 16].tolist() == pytest.approx([-1.7923, -1.7521, -1.4802], abs=1e-4)
    assert float(shown[0, 0].mean()) < -1.6


def test_each_colour_is_asked_in_three_ways_and_once_per_class() -> None:
    letters = Letters()
    colors = judge(tiny(), letters)
    image = Image.new("RGB", (40, 30), (0, 200, 0))
    answer = colors(image, DOG)
    assert answer in COLORS
    assert len(letters.texts) == 30
    assert letters.texts[:3] == ["a photo of a red dog", "a photo of a red-colored dog", "a photo of a red object"]
    assert colors(image, DOG) == answer
    assert len(letters.texts) == 30


def test_the_answer_is_the_nearest_sentence() -> None:
    """Against the three lines that say what it means."""
    network, letters = tiny(), Letters()
    image = Image.new("RGB", (40, 30), (0, 200, 0))

    def embed(text: str) -> torch.Tensor:
        vector = network.get_text_features(**letters([text], padding=True, return_tensors="pt")).pooler_output[0]
        return vector / vector.norm()

    with torch.no_grad():
        features = network.get_image_features(
            pixel_values=normalised([cropped(masked_crop(image, DOG), 32)])
        ).pooler_output[0]
        scores = []
        for color in COLORS:
            texts = f"a photo of a {color} dog", f"a photo of a {color}-colored dog", f"a photo of a {color} object"
            mean = torch.stack([embed(text) for text in texts]).mean(0)
            scores.append(float(features @ (mean / mean.norm())))
    assert judge(network, letters)(image, DOG) == COLORS[int(np.argmax(scores))]


def test_plain_gelu_is_refused() -> None:
    with pytest.raises(WeightsError, match="the text half of laion uses gelu, not quick_gelu"):
        ClipColors("laion").check(tiny("gelu"))


def test_a_mask_is_needed() -> None:
    image = Image.new("RGB", (40, 30))
    with pytest.raises(BenchmarkError, match="has no mask"):
        masked_crop(image, Detection("dog", (0, 0, 5, 5), 0.9))
    with pytest.raises(BenchmarkError, match=r"\(3, 2\) pixels, the image \(30, 40\)"):
        masked_crop(image, Detection("dog", (0, 0, 5, 5), 0.9, mask=half(2, 3)))


def test_a_missing_folder(tmp_path: Path) -> None:
    colors = COLOR_CLASSIFIERS["clip"](tmp_path, device="cpu", dtype=torch.float32)
    with pytest.raises(WeightsError, match=r"config\.json"):
        colors(Image.new("RGB", (40, 30)), DOG)
