"""The official folders: ``NNNNN/metadata.jsonl`` and ``NNNNN/samples/*.png``, in and out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scalingar.bench.benchmark import check_folder_complete
from scalingar.bench.benchmarks.geneval.metadata import Metadata
from scalingar.bench.benchmarks.geneval.prompts import parse_line
from scalingar.core.errors import BenchmarkError

METADATA, SAMPLES = "metadata.jsonl", "samples"
_IMAGE = re.compile(r"\d+\.(png|jpg)")


@dataclass(frozen=True)
class PromptFolder:
    """One prompt's folder, images in the order of their numbers."""

    row: int
    metadata: Metadata
    images: tuple[Path, ...]


def folder_name(row: int) -> str:
    """Of the prompt at line ``row`` of the prompt file, from 0."""
    return f"{row:05d}"


def image_name(row: int, number: int) -> str:
    """Path of a prompt's image within the folder, named as in GenEval's README."""
    return f"{folder_name(row)}/{SAMPLES}/{number:04d}.png"


def read_layout(folder: Path) -> list[PromptFolder]:
    """Every sub-folder named in digits, in numerical order; others are ignored, as upstream.

    Raises:
        BenchmarkError: no such folders, or their metadata is missing or damaged.
    """
    if not folder.is_dir():
        raise BenchmarkError(f"{folder} is no folder; give one with a numbered folder for each prompt.")
    numbered = sorted((path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()), key=_number)
    if not numbered:
        raise BenchmarkError(
            f"{folder} holds no numbered folders such as {folder_name(0)}; give the folder above them."
        )
    return [_read(path) for path in numbered]


def check_complete(
    folders: Sequence[PromptFolder], prompts: Mapping[int, Metadata], images_per_prompt: int, where: str | Path
) -> dict[int, tuple[Path, ...]]:
    """Images of ``prompts``, by row; other folders are ignored.

    Upstream averages over whatever images exist, so that a broken run looks like a score.

    Raises:
        BenchmarkError: with the folders or images that are missing, too many, or of other prompts.
    """
    by_row = {folder.row: folder for folder in folders}
    complaints = [f"two folders are numbered {folder.row}" for folder in folders if by_row[folder.row] is not folder]
    for row, metadata in prompts.items():
        complaints += _complaints(by_row.get(row), row, metadata, images_per_prompt)
    check_folder_complete(where, complaints)
    return {row: by_row[row].images for row in prompts}


def _complaints(folder: PromptFolder | None, row: int, metadata: Metadata, images: int) -> list[str]:
    name = folder_name(row)
    if folder is None:
        return [f"{name} is missing"]
    complaints = []
    if folder.metadata != metadata:
        complaints.append(f"{name} is of {folder.metadata.prompt!r}, expected {metadata.prompt!r}")
    if len(folder.images) != images:
        complaints.append(f"{name} has {len(folder.images)} of {images} images")
    return complaints


def _read(folder: Path) -> PromptFolder:
    file = folder / METADATA
    try:
        line = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise BenchmarkError(f"{file} is missing or unreadable; write the folder again.") from None
    samples = folder / SAMPLES
    images = [path for path in samples.iterdir() if _IMAGE.fullmatch(path.name)] if samples.is_dir() else []
    return PromptFolder(int(folder.name), parse_line(line, str(file)), tuple(sorted(images, key=_number)))


def _number(path: Path) -> tuple[int, str]:
    return int(path.stem), path.name
