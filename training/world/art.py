"""The art of the embedded world: one square RGBA drawing per object class.

``python -m training.world.art --work-dir DIR`` fetches the packages named in sources.json (once),
rasterises the 80 drawings and writes ``DIR/art.npz``.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scalingar.models.embedded.vocabulary import OBJECT_CLASSES
from training.workdir import add_work_dir, announce
from training.writing import replaced

SIDE = 256
MARGIN = 5  # pixels at both ends of the longer side: 2 % of the canvas
VISIBLE = 8  # pixels with a lower alpha are artefacts of the renderer
HERE = Path(__file__).parent

Pixels = NDArray[np.uint8]


class ArtError(RuntimeError):
    """A drawing cannot be made; the message says which one and why."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """Where drawings come from: an npm package, or a folder of this repository."""

    author: str
    licence: str
    npm: str | None = None  # name@version
    archive: str | None = None  # the file `npm pack` writes
    sha256: str | None = None  # of the archive
    folder: str | None = None  # relative to this file


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One picture: its package, the path inside, its title there, and how to cut it out."""

    package: str
    path: str
    title: str
    part: tuple[int, int] | None = None  # (x, y): keep only what is connected to this point


def load_sources() -> tuple[dict[str, Package], dict[str, Drawing]]:
    """The packages by name and the drawings by class, as sources.json lists them."""
    data = json.loads((HERE / "sources.json").read_text(encoding="utf-8"))
    packages = {name: Package(**fields) for name, fields in data["packages"].items()}
    drawings = {
        name: Drawing(**fields | {"part": tuple(fields["part"]) if "part" in fields else None})
        for name, fields in data["drawings"].items()
    }
    return packages, drawings


def fetch(package: Package, work_dir: Path) -> Path:
    """The package's archive in ``work_dir``, downloaded if it is not there yet.

    Raises ArtError when npm fails or the archive is not the recorded one.
    """
    archive = work_dir / str(package.archive)
    if not archive.exists():
        _npm_pack(str(package.npm), work_dir)
    if not archive.exists():
        raise ArtError(f"`npm pack {package.npm}` did not write {archive}.")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != package.sha256:
        raise ArtError(f"{archive} is not the recorded {package.npm}; delete it and run again.")
    return archive


def _npm_pack(npm: str, work_dir: Path) -> None:
    command = ["npm", "pack", npm, "--pack-destination", str(work_dir)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise ArtError(f"npm is not installed, so {npm} cannot be fetched.") from None
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:]
        raise ArtError(f"`npm pack {npm}` failed: {' '.join(last)}") from None


def read_members(package: Package, paths: Collection[str], work_dir: Path) -> dict[str, bytes]:
    """The package's files at ``paths``, by path.  Raises ArtError for one it does not hold."""
    if package.folder is not None:
        folder = HERE / package.folder
        return {path: (folder / path).read_bytes() for path in paths}
    # One pass: reading a compressed archive file by file would unpack it once per drawing.
    with tarfile.open(fetch(package, work_dir)) as archive:
        members = {member.name: archive.extractfile(member) for member in archive}
        missing = [path for path in paths if members.get(path) is None]
        if missing:
            raise ArtError(f"{package.npm} holds no file {missing[0]}.")
        return {path: file.read() for path in paths if (file := members[path]) is not None}


def rasterise(data: bytes) -> Pixels:
    """Image file or SVG -> RGBA (h, w, 4), uint8.  SVG is drawn at twice the final size."""
    if data.lstrip().startswith(b"<"):
        svg = data.decode("utf-8")
        data = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=2 * SIDE, skip_system_fonts=True))
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def connected_part(rgba: Pixels, point: tuple[int, int]) -> Pixels:
    """The picture (h, w, 4) uint8 with only the part visible that is connected to ``point`` (x, y).

    Raises ArtError when nothing is visible at the point.
    """
    x, y = point
    visible = rgba[..., 3] >= VISIBLE
    if not visible[y, x]:
        raise ArtError(f"Nothing is visible at ({x}, {y}).")
    # fromarray may share memory it must not write to; flood-filling needs an image of its own.
    mask = Image.fromarray(visible.astype(np.uint8)).copy()
    ImageDraw.floodfill(mask, point, 2)
    return np.where((np.asarray(mask) == 2)[..., None], rgba, 0).astype(np.uint8)


def fit(rgba: Pixels, side: int = SIDE, margin: int = MARGIN) -> Pixels:
    """Trim, scale the longest side to ``side - 2 * margin`` and centre: (side, side, 4) uint8.

    Raises ArtError when nothing is visible.
    """
    rows, columns = np.nonzero(rgba[..., 3] >= VISIBLE)
    if rows.size == 0:
        raise ArtError("The picture is empty.")
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    cut = Image.fromarray(rgba).crop(box)
    scale = (side - 2 * margin) / max(cut.size)
    width, height = (max(1, round(length * scale)) for length in cut.size)
    # Premultiplied ("RGBa") so that the colour of invisible pixels does not leak into edges.
    cut = cut.convert("RGBa").resize((width, height), Image.Resampling.LANCZOS).convert("RGBA")
    canvas = Image.new("RGBA", (side, side))
    canvas.paste(cut, ((side - width) // 2, (side - height) // 2))
    return np.asarray(canvas)


def render(data: bytes, drawing: Drawing) -> Pixels:
    """The drawing's stored file -> its finished pixels, (256, 256, 4) uint8.

    Raises ArtError, naming the drawing, when it is empty where it should show something.
    """
    rgba = rasterise(data)
    try:
        return fit(rgba if drawing.part is None else connected_part(rgba, drawing.part))
    except ArtError as error:
        raise ArtError(f"{drawing.path}: {error}") from None


def build(names: Sequence[str], work_dir: Path) -> Pixels:
    """All drawings in the order of ``names``: (n, 256, 256, 4) uint8.

    Raises ArtError when sources.json lists no drawing for a class.
    """
    packages, drawings = load_sources()
    missing = [name for name in names if name not in drawings]
    if missing:
        raise ArtError(f"sources.json has no drawing for: {', '.join(missing)}.")
    wanted = [drawings[name] for name in names]
    files = {
        label: read_members(package, {d.path for d in wanted if d.package == label}, work_dir)
        for label, package in packages.items()
    }
    return np.stack([render(files[d.package][d.path], d) for d in wanted])


def main() -> None:
    """Write ``art.npz`` (names, rgba) into the work directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    work_dir: Path = parser.parse_args().work_dir
    work_dir.mkdir(parents=True, exist_ok=True)
    try:
        rgba = build(OBJECT_CLASSES, work_dir)
    except ArtError as error:
        raise SystemExit(str(error)) from None
    with replaced(work_dir / "art.npz") as file:
        np.savez_compressed(file, names=np.array(OBJECT_CLASSES), rgba=rgba)
    announce(f"{len(rgba)} drawings in {work_dir / 'art.npz'}")


if __name__ == "__main__":
    main()
