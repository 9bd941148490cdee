"""Pictures made elsewhere: scaled where they have more than 8 bits, named where they cannot be read."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scalingar.bench.image_files import read_image
from scalingar.core.errors import BenchmarkError

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def saved(path: Path, array: Any) -> Path:
    Image.fromarray(array).save(path)
    return path


def levels(path: Path) -> Any:
    return np.asarray(read_image(path).convert("RGB"))[..., 0]


def test_more_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    assert (levels(saved(tmp_path / "8.png", GREY)) == GREY).all()
    assert (levels(saved(tmp_path / "16.png", GREY.astype(np.uint16) * 257)) == GREY).all()
    assert (levels(saved(tmp_path / "16.tiff", GREY.astype(np.uint16) * 257)) == GREY).all()
    assert (levels(saved(tmp_path / "32.tiff", GREY.astype(np.int32) * 257)) == GREY).all()
    assert (levels(saved(tmp_path / "f.tiff", GREY.astype(np.float32) / 255)) == GREY).all()


@pytest.mark.parametrize(
    "array",
    [
        GREY.astype(np.float32),
        GREY.astype(np.float32) / 127.5 - 1,
        np.full((4, 4), np.nan, np.float32),
        GREY.astype(np.int32),
        GREY.astype(np.int32) * 70000,
    ],
)
def test_numbers_that_could_mean_anything(tmp_path: Path, array: Any) -> None:
    path = saved(tmp_path / "x.tiff", array)
    with pytest.raises(BenchmarkError, match=r"x.tiff: a picture of mode . has numbers from"):
        read_image(path)


def test_others_stay_as_they_are_and_keep_their_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (5, 4), (1, 2, 3)).save(path)
    image = read_image(path)
    assert (image.mode, image.size, image.getpixel((0, 0))) == ("RGB", (5, 4), (1, 2, 3))
    assert image.filename == str(path)  # type: ignore[attr-defined]


def test_numbers_of_8_bits_in_16_are_not_taken_for_black(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"a.png: a picture of mode I;16 has numbers from 0 to 255"):
        read_image(saved(tmp_path / "a.png", GREY.astype(np.uint16)))
    assert read_image(saved(tmp_path / "b.png", np.zeros((4, 4), np.uint16))).getextrema() == ((0, 0),) * 3


def test_what_is_transparent_has_no_colour(tmp_path: Path) -> None:
    rgba = np.dstack([GREY] * 3 + [np.full_like(GREY, 255)])
    assert (levels(saved(tmp_path / "opaque.png", rgba)) == GREY).all()
    assert (levels(saved(tmp_path / "opaque-grey.png", rgba[..., 2:])) == GREY).all()
    rgba[0, 0, 3] = 254
    palette = Image.fromarray(GREY).convert("P")
    palette.save(tmp_path / "palette.png", transparency=3)
    for path in (
        saved(tmp_path / "rgba.png", rgba),
        saved(tmp_path / "la.png", rgba[..., 2:]),
        tmp_path / "palette.png",
    ):
        with pytest.raises(BenchmarkError, match=f"{path.name}: a picture has transparent parts"):
            read_image(path)


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    upright = Image.new("RGB", (32, 16), "blue")
    upright.paste("red", (0, 0, 16, 16))
    orientation = Image.Exif()
    orientation[274] = 6  # to be turned by 90 degrees clockwise
    upright.rotate(90, expand=True).save(tmp_path / "a.png", exif=orientation)
    image = read_image(tmp_path / "a.png")
    assert image.size == upright.size
    assert (np.asarray(image) == np.asarray(upright)).all()


@pytest.mark.parametrize("kind", ["cut", "empty", "page", "folder", "pipe", "gone", "header", "huge"])
def test_what_cannot_be_read_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.effect_noise((96, 96), 90).save(path)
    content = path.read_bytes()
    if kind in ("folder", "pipe", "gone"):
        path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "folder":
        path.mkdir()
    contents = {"cut": content[:3000], "empty": b"", "page": b"<html>404</html>", "header": content[:40] + b"\0" * 99}
    contents["huge"] = content[:16] + b"\0\1\0\0\0\1\0\0" + content[24:]
    if kind in contents:
        path.write_bytes(contents[kind])
    with pytest.raises(BenchmarkError, match=r"a.png is no picture that can be read") as caught:
        read_image(path)
    assert str(caught.value).count(str(path)) == 1
