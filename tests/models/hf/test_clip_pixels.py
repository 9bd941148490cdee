import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scalingar.models.hf.clip_pixels import MEAN, STD, cropped, normalised, padded
from tests.tiny.rewards import pictures

SIZES = [(70, 50), (50, 70), (64, 33), (32, 32), (91, 200), (40, 41)]


@pytest.mark.parametrize("size", SIZES)
def test_the_crop_with_floor_is_transformers_own(size: tuple[int, int]) -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    sides: dict[str, Any] = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    picture = pictures(size)[0]
    expected = CLIPImageProcessorPil(**sides)(picture, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(normalised([cropped(picture, 32, centre=math.floor)]), expected, atol=1e-5, rtol=0)


def test_half_a_pixel_is_rounded_to_even() -> None:
    picture = pictures((35, 32))[0]
    assert cropped(picture, 32).tobytes() == picture.crop((2, 0, 34, 32)).tobytes()
    assert cropped(picture, 32, centre=math.floor).tobytes() == picture.crop((1, 0, 33, 32)).tobytes()


def test_padding_keeps_all_of_the_picture() -> None:
    square = np.asarray(padded(Image.new("RGB", (100, 50), (200, 10, 10)), 32))
    assert (square[:8] == 0).all()
    assert (square[24:] == 0).all()
    assert (square[8:24] == (200, 10, 10)).all()
    tall = np.asarray(padded(Image.new("RGB", (3, 1000), "white"), 32))
    assert (tall.any(-1).sum(1) == 1).all()


def test_square_pictures_of_the_right_size_are_only_normalised() -> None:
    picture = pictures((32, 32))[0]
    plain = (np.asarray(picture) / 255 - MEAN) / STD
    for view in (cropped, padded):
        np.testing.assert_allclose(normalised([view(picture, 32)])[0].permute(1, 2, 0), plain, atol=1e-5)


def test_palettes_are_interpolated_in_colour() -> None:
    picture = pictures((70, 50))[0].quantize(16)
    assert cropped(picture, 32).tobytes() == cropped(picture.convert("RGB"), 32).tobytes()
