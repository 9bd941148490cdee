"""A moving sheet: trajectories fill in, cut ones stay and dim, copies appear when they are born."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from scalingar.report.animation import FORMATS, FRAMES, Film, animation
from scalingar.report.palette import CHOSEN
from tests.tiny.glm_pipe import glm_pipe
from tests.tiny.package import candidate, result

GRID = [(4, 4)]
SCALES = [(1, 1), (2, 2), (3, 3)]


class Drawing:
    """A picture whose brightness says how many codes it was drawn from, and that counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, codes: torch.Tensor) -> Image.Image:
        self.asked.append(len(codes))
        return Image.new("RGB", (16, 16), (10 * len(codes), 0, 0))


def shown(film: Film) -> list[set[int]]:
    """Red levels of saturated pictures in each frame: those of live trajectories."""
    found = []
    for frame in film.frames:
        pixels = np.asarray(frame).reshape(-1, 3)
        pure = pixels[(pixels[:, 1] == 0) & (pixels[:, 2] == 0)]
        found.append(set(pure[:, 0].tolist()))
    return found


def test_trajectories_fill_in_and_cut_ones_dim() -> None:
    """Cut ones of this result end at steps 4 and 5, of 16."""
    draw = Drawing()
    film = animation(result(), GRID, draw)
    assert len(film.frames) == 17 == len(film.milliseconds)
    assert {frame.size for frame in film.frames} == {film.frames[0].size}
    levels = shown(film)
    assert [10 * step in levels[step - 1] for step in range(1, 17)] == [True] * 16
    assert levels[2] == {30}
    assert max(levels[-1]) == 160
    # Each picture is made once; one is the first, by which the size is known.
    assert sorted(draw.asked) == sorted([16, *2 * list(range(1, 17)), *2 * [1, 2, 3, 4], 5])


def test_only_the_last_frame_knows_the_choice() -> None:
    film = animation(result(), GRID, Drawing())
    frame = ImageColor.getrgb(CHOSEN)
    chosen = [(np.asarray(picture) == frame).all(-1).sum() > 500 for picture in film.frames]
    assert chosen == [False] * 16 + [True]
    assert film.milliseconds[-1] > max(film.milliseconds[:-1])


def test_long_images_have_as_many_frames_as_asked() -> None:
    long = result(finished=1, cut=0)
    long.candidates = [candidate(0, steps=100)]
    draw = Drawing()
    film = animation(long, [(10, 10)], draw, frames=5)
    assert (len(film.frames), draw.asked) == (6, [100, 20, 40, 60, 80, 100])
    assert len(animation(long, [(10, 10)], Drawing()).frames) == FRAMES + 1


def scaled() -> list[int]:
    """Frames of a next-scale image: codes that each scale ends with."""
    draw = Drawing()
    one = replace(candidate(0, steps=3), codes=torch.zeros(14, 2, dtype=torch.long))
    copy = replace(one, index=1, parent=0, born=1, inherited=5)
    both = result(finished=2, cut=0)
    both.candidates = [one, copy]
    film = animation(both, SCALES, draw)
    assert len(film.frames) == len(SCALES) + 1
    return draw.asked


def test_a_next_scale_image_has_a_frame_per_scale_and_a_copy_begins_at_its_birth() -> None:
    assert scaled() == [14, 1, 5, 5, 14, 14]


@pytest.mark.parametrize("form", FORMATS)
def test_files(form: str) -> None:
    film = animation(result(), GRID, Drawing())
    content = film.encoded(form)  # type: ignore[arg-type]
    assert content == film.encoded(form)  # type: ignore[arg-type]
    with Image.open(io.BytesIO(content)) as read:
        assert read.format == form.upper()
        assert (read.n_frames, read.size) == (17, film.frames[0].size)  # type: ignore[attr-defined]
        assert read.info["loop"] == 0
        read.seek(16)
        difference = np.abs(np.asarray(read.convert("RGB"), int) - np.asarray(film.frames[-1], int))
    assert difference.mean() < 3


def test_codes_of_a_preview_are_frames_too() -> None:
    """Two codes of a preview, then four of the image: a next-token model's, though it has two grids."""
    one = result(finished=1, cut=0)
    one.candidates = [candidate(0, steps=6)]
    draw = Drawing()
    film = animation(one, [(1, 2), (2, 2)], draw)
    assert (len(film.frames), draw.asked) == (7, [6, 1, 2, 3, 4, 5, 6])


def test_frames_with_pictures_of_a_preview_are_of_the_images_size() -> None:
    """The tiny GLM-Image's preview is upright, its image is not."""
    pipe = glm_pipe()
    output = pipe("a red dog", strategy="random-of-n", num_trajectories=2, seed=3)
    film = animation(output.results[0], pipe.grids, pipe.picture, frames=4)
    assert len(film.frames) == 5
    assert len({frame.size for frame in film.frames}) == 1
