"""The drawings of the embedded world: how they are listed, cut out, fitted and recoloured."""

import colorsys
import hashlib
import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES
from tests.training.kills import killed_while_writing
from training.world import art
from training.world.recolor import RAMPS, recolor

REPOSITORY = Path(art.__file__).parents[2]
DRAWN_HERE = sorted((REPOSITORY / "training" / "world" / "drawings").glob("*.svg"))


def square(side: int = 40, low: int = 30, high: int = 220) -> NDArray[np.uint8]:
    """A grey gradient from left to right, opaque, on a transparent frame of 4 pixels."""
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[4:-4, 4:-4, :3] = np.linspace(low, high, side - 8).astype(np.uint8)[None, :, None]
    rgba[4:-4, 4:-4, 3] = 255
    return rgba


def average(rgba: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(rgba[rgba[..., 3] == 255][:, :3].mean(0))


def packed(archive: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


# The list of sources


def test_every_class_has_a_drawing_and_no_drawing_is_without_class() -> None:
    packages, drawings = art.load_sources()
    assert tuple(drawings) == OBJECT_CLASSES
    assert {drawing.package for drawing in drawings.values()} == set(packages)


def test_every_file_is_used_once() -> None:
    _, drawings = art.load_sources()
    assert len({drawing.path for drawing in drawings.values()}) == len(drawings)
    own = {drawing.path for drawing in drawings.values() if drawing.package == "own"}
    assert own == {path.name for path in DRAWN_HERE}


def test_notice_credits_every_drawing() -> None:
    notice = (REPOSITORY / "NOTICE").read_text(encoding="utf-8")
    own = " ".join(notice.split("\n1. ")[1].split("\n2. ")[0].split())
    lines = [line.split() for line in notice.splitlines()]
    packages, drawings = art.load_sources()
    for name, drawing in drawings.items():
        if packages[drawing.package].folder is None:
            row = [*name.split(), *drawing.title.split(), Path(drawing.path).name]
            assert row in lines, name
        else:
            assert name in own, name


def test_a_class_without_drawing_is_named(tmp_path: Path) -> None:
    with pytest.raises(art.ArtError, match="no drawing for: unicorn"):
        art.build(["unicorn"], tmp_path)


# From file to canvas


@pytest.mark.parametrize("path", DRAWN_HERE, ids=lambda path: path.stem)
def test_own_drawings_fill_the_canvas_and_lie_inside_their_view(path: Path) -> None:
    raw = art.rasterise(path.read_bytes())[..., 3]
    assert not raw[[0, -1]].any()
    assert not raw[:, [0, -1]].any()
    rgba = art.fit(art.rasterise(path.read_bytes()))
    rows, columns = np.nonzero(rgba[..., 3] >= 64)
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    assert art.SIDE - 2 * art.MARGIN - 4 <= longest <= art.SIDE - 2 * art.MARGIN
    assert (rgba[..., 3] > 128).mean() > 0.12  # enough of it to be seen at 40 pixels


def test_fit_centres_and_keeps_proportions() -> None:
    rgba = np.zeros((50, 80, 4), np.uint8)
    rgba[3:13, 20:60] = (200, 10, 10, 255)
    fitted = art.fit(rgba, side=64, margin=2)
    rows, columns = np.nonzero(fitted[..., 3])
    assert fitted.shape == (64, 64, 4)
    assert (columns.min(), columns.max()) == (2, 61)
    assert (rows.min(), rows.max()) == (24, 38)


def test_fit_does_not_mix_the_colour_of_invisible_pixels_into_edges() -> None:
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[...] = (0, 255, 0, 0)
    rgba[10:30, 15:25] = (255, 0, 0, 255)
    fitted = art.fit(rgba, side=32, margin=1)
    assert fitted[fitted[..., 3] > 0][:, 1].max() == 0


def test_fit_refuses_an_empty_picture() -> None:
    with pytest.raises(art.ArtError, match="empty"):
        art.fit(np.zeros((8, 8, 4), np.uint8))


def test_connected_part_keeps_only_what_touches_the_point() -> None:
    rgba = np.zeros((12, 20, 4), np.uint8)
    rgba[2:10, 2:8] = 255
    rgba[2:10, 12:18] = 255
    kept = art.connected_part(rgba, (13, 5))
    assert np.array_equal(kept[:, 10:], rgba[:, 10:])
    assert not kept[:, :10].any()
    with pytest.raises(art.ArtError, match=r"\(10, 5\)"):
        art.connected_part(rgba, (10, 5))


def test_an_empty_drawing_is_named() -> None:
    picture = io.BytesIO()
    Image.new("RGBA", (9, 9)).save(picture, "PNG")
    drawing = art.Drawing(package="own", path="ghost.png", title="ghost")
    with pytest.raises(art.ArtError, match=r"ghost\.png: The picture is empty"):
        art.render(picture.getvalue(), drawing)


# Packages


def test_an_archive_that_is_there_is_read_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = io.BytesIO()
    Image.fromarray(square()).save(picture, "PNG")
    packed(tmp_path / "p.tgz", {"package/a.png": picture.getvalue(), "package/b": b"b"})
    package = package_of(tmp_path / "p.tgz")
    monkeypatch.setattr(subprocess, "run", refuse)
    files = art.read_members(package, {"package/a.png"}, tmp_path)
    assert files == {"package/a.png": picture.getvalue()}
    with pytest.raises(art.ArtError, match="holds no file package/c"):
        art.read_members(package, {"package/c"}, tmp_path)


def test_another_archive_under_the_name_is_refused(tmp_path: Path) -> None:
    packed(tmp_path / "p.tgz", {"a": b"a"})
    package = package_of(tmp_path / "p.tgz")
    packed(tmp_path / "p.tgz", {"a": b"changed"})
    with pytest.raises(art.ArtError, match="not the recorded p@1"):
        art.fetch(package, tmp_path)


def test_without_npm_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("npm")

    monkeypatch.setattr(subprocess, "run", absent)
    package = art.Package(author="a", licence="l", npm="p@1", archive="p.tgz", sha256="")
    with pytest.raises(art.ArtError, match="npm is not installed, so p@1 cannot be fetched"):
        art.fetch(package, tmp_path)


def package_of(archive: Path) -> art.Package:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return art.Package(author="a", licence="l", npm="p@1", archive=archive.name, sha256=digest)


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("npm must not be called")


# Recolouring


def test_there_is_a_ramp_for_every_color() -> None:
    assert set(RAMPS) == set(COLORS)


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize(("low", "high"), [(0, 60), (30, 220), (200, 255)])
def test_recolor_keeps_shading_and_alpha_on_dark_and_bright_drawings(color: str, low: int, high: int) -> None:
    drawing = square(low=low, high=high)
    painted = recolor(drawing, color)
    assert painted.dtype == np.uint8
    assert painted.shape == drawing.shape
    assert np.array_equal(painted[..., 3], drawing[..., 3])
    brightness = painted[20, 4:-4, :3].astype(int).sum(-1)
    assert (np.diff(brightness) >= 0).all()
    assert brightness[-1] - brightness[0] >= 3 * 60


@pytest.mark.parametrize("color", COLORS)
def test_the_typical_tone_takes_the_middle_of_the_ramp(color: str) -> None:
    dark = square(low=0, high=60)
    dark[8:12, 8:12, :3] = 255  # a highlight must not leave the rest at the dark end
    assert np.abs(average(recolor(dark, color)) - RAMPS[color][1]).max() < 60


HUES = {"red": 0, "orange": 28, "yellow": 50, "green": 130, "blue": 220, "purple": 275}
HUES |= {"pink": 330, "brown": 24}  # degrees; black and white have none


@pytest.mark.parametrize(("color", "hue"), HUES.items())
def test_recolored_hue(color: str, hue: int) -> None:
    red, green, blue = average(recolor(square(), color)) / 255
    degrees = 360 * colorsys.rgb_to_hsv(red, green, blue)[0]
    assert abs((degrees - hue + 180) % 360 - 180) < 14


def test_black_and_white_keep_visible_shading_in_their_range() -> None:
    black, white = (recolor(square(), name)[4:-4, 4:-4, :3] for name in ("black", "white"))
    assert 10 <= black.min() < 20
    assert 70 < black.max() <= 86
    assert 190 <= white.min() < 200
    assert white.max() > 245


def test_all_colors_are_far_apart() -> None:
    means = [average(recolor(square(), color)) for color in COLORS]
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(means) for b in means[:i]]
    assert min(gaps) > 70


def test_recolor_of_a_flat_or_empty_drawing_is_the_middle_of_the_ramp() -> None:
    flat = np.full((6, 6, 4), 255, np.uint8)
    empty = np.zeros((6, 6, 4), np.uint8)
    for drawing in (flat, empty):
        assert np.abs(recolor(drawing, "green")[0, 0, :3].astype(int) - RAMPS["green"][1]).max() <= 1


def test_recolor_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="No ramp for the color 'beige'"):
        recolor(square(), "beige")
    with pytest.raises(ValueError, match=r"Expected \(h, w, 4\) uint8"):
        recolor(square()[..., :3], "red")


def test_a_killed_run_leaves_no_half_art(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(art, "build", lambda names, work_dir: np.zeros((len(names), 2, 2, 4), np.uint8))
    monkeypatch.setattr("sys.argv", ["art", "--work-dir", str(tmp_path)])
    with monkeypatch.context() as patched:
        patched.setattr(np, "savez_compressed", killed_while_writing)
        with pytest.raises(KeyboardInterrupt):
            art.main()
    assert list(tmp_path.iterdir()) == []
    art.main()
    assert [path.name for path in tmp_path.iterdir()] == ["art.npz"]
