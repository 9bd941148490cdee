"""The official folders: ``NNNNN/metadata.jsonl`` and ``NNNNN/samples/*.png``, in and out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scalingar.bench.benchmark import shortened
from scalingar.bench.benchmarks.geneval.metadata import Metadata
from scalingar.bench.benchmarks.geneval.prompts import parse_line
from scalingar.core.errors import BenchmarkError

METADATA, SAMPLES = "metadata.jsonl", "samples"
_IMAGE = re.compile(r"\d+\.(png|jpg)")


@dataclass(frozen=True)
class PromptFolder:
    """One prompt's folder as it was found, images in the order of their numbers."""

    place: int
    metadata: Metadata
    images: tuple[Path, ...]


def folder_name(place: int) -> str:
    """Of the prompt at line ``place`` of the prompt file, counted from 0."""
    return f"{place:05d}"


def image_name(place: int, number: int) -> str:
    """Path of a prompt's image within the folder, named as in GenEval's README."""
    return f"{folder_name(place)}/{SAMPLES}/{number:04d}.png"


def read_layout(folder: Path) -> list[PromptFolder]:
    """Every sub-folder named in digits, in the order of its number; others are not looked at, as upstream.

    Raises:
        BenchmarkError: nothing there, or a folder's metadata is missing or damaged.
    """
    if not folder.is_dir():
        raise BenchmarkError(f"{folder} is no folder; give one with a numbered folder for each prompt.")
    homes = sorted((path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()), key=_number)
    if not homes:
        raise BenchmarkError(
            f"{folder} holds no numbered folders such as {folder_name(0)}; give the folder above them."
        )
    return [_read(home) for home in homes]


def check_complete(
    found: Sequence[PromptFolder], prompts: Mapping[int, Metadata], images_per_prompt: int, *, where: str | Path
) -> dict[int, tuple[Path, ...]]:
    """Images of the wanted ``prompts``, by their places; other folders are left alone.

    Upstream averages over whatever images exist, so that a broken run looks like a score.

    Raises:
        BenchmarkError: with the folders or images that are missing, too many, or of other prompts.
    """
    by_place = {one.place: one for one in found}
    complaints = [f"two folders are numbered {one.place}" for one in found if by_place[one.place] is not one]
    for place, metadata in prompts.items():
        complaints += _complaints(by_place.get(place), place, metadata, images_per_prompt)
    if complaints:
        raise BenchmarkError(f"{where} is not complete: {shortened(complaints)}. Nothing was scored.")
    return {place: by_place[place].images for place in prompts}


def _complaints(found: PromptFolder | None, place: int, metadata: Metadata, images: int) -> list[str]:
    name = folder_name(place)
    if found is None:
        return [f"{name} is missing"]
    complaints = []
    if found.metadata != metadata:
        complaints.append(f"{name} is of {found.metadata.prompt!r}, expected {metadata.prompt!r}")
    if len(found.images) != images:
        complaints.append(f"{name} has {len(found.images)} of {images} images")
    return complaints


def _read(home: Path) -> PromptFolder:
    file = home / METADATA
    try:
        line = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise BenchmarkError(f"{file} is missing or unreadable; write the folder again.") from None
    samples = home / SAMPLES
    images = [path for path in samples.iterdir() if _IMAGE.fullmatch(path.name)] if samples.is_dir() else []
    return PromptFolder(int(home.name), parse_line(line, str(file)), tuple(sorted(images, key=_number)))


def _number(path: Path) -> tuple[int, str]:
    return int(path.stem), path.name
