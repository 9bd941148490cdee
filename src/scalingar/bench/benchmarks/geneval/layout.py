"""Reading and writing the official layout: ``NNNNN/metadata.jsonl`` and ``NNNNN/samples/*.png``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scalingar.bench.benchmark import check_folder_complete
from scalingar.bench.benchmarks.geneval.metadata import Metadata
from scalingar.bench.benchmarks.geneval.prompts import parse_line
from scalingar.bench.data_files import read_text
from scalingar.core.errors import BenchmarkError

METADATA, SAMPLES = "metadata.jsonl", "samples"
_IMAGE = re.compile(r"\d+\.(png|jpg)")


@dataclass(frozen=True)
class PromptFolder:
    """The folder of one prompt; images are ordered by number."""

    row: int
    metadata: Metadata
    images: tuple[Path, ...]


def folder_name(row: int) -> str:
    """Name of the folder for the prompt in line ``row`` of the prompt file, from 0."""
    return f"{row:05d}"


def image_name(row: int, number: int) -> str:
    """Relative path of a prompt's image, named as in GenEval's README."""
    return f"{folder_name(row)}/{SAMPLES}/{number:04d}.png"


def read_layout(folder: Path) -> list[PromptFolder]:
    """All folders with a number as their name, in numerical order; others are ignored, as upstream does.

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
    """Images of ``prompts``, by row; folders of other rows are ignored.

    Upstream averages over the images that exist, so that an incomplete run gets a score.

    Raises:
        BenchmarkError: folders or images are missing, too many, or belong to other prompts.
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
    metadata = parse_line(read_text(folder / METADATA, "write the folder again"), str(folder / METADATA))
    samples = folder / SAMPLES
    images = [path for path in samples.iterdir() if _IMAGE.fullmatch(path.name)] if samples.is_dir() else []
    return PromptFolder(int(folder.name), metadata, tuple(sorted(images, key=_number)))


def _number(path: Path) -> tuple[int, str]:
    return int(path.stem), path.name
