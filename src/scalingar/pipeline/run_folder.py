"""Writing the files of a run."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from scalingar.core.errors import OutputError
from scalingar.core.files import check_writable, numbered, write_files
from scalingar.core.locks import sole_writer
from scalingar.core.outputs import Ledger, PromptResult
from scalingar.core.pixels import png_bytes
from scalingar.pipeline.png import RecipeInfo
from scalingar.pipeline.preview import Previewer
from scalingar.report import confidence_plot, contact_sheet, entropy_map, figure, result_dict, scale_strip, tiles_of

_LONGEST_NAME = 60
"""Bytes of a prompt in the name of its folder."""
_OURS = re.compile(r"(?:image|sheet|confidence|entropy|scales)(?:-\d{4,})?\.png|(?:trace|comparison)\.json")


class RunOutput(Protocol):
    """What a run's files are made of: see :class:`scalingar.pipeline.output.ImageOutput`."""

    results: list[PromptResult]
    ledger: Ledger
    infos: list[RecipeInfo]
    pipe: Previewer

    @property
    def pictures(self) -> list[Image.Image]:
        """The chosen images."""
        ...


def write_run(output: RunOutput, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write all files and return their paths, the images first.

    A folder holds one run. If this one holds another, or a file of a name that is needed, the files go to a folder
    beside it, ``folder-2`` and so on; with ``overwrite`` they take the place of the other run's. Raises OutputError.
    """
    files = [(_name("image", output, number), png_bytes(picture)) for number, picture in enumerate(output.pictures)]
    for kind, draw in _drawings(output.pipe).items():
        files += [(_name(kind, output, number), draw(result)) for number, result in enumerate(output.results)]
    files.append(("trace.json", json.dumps(run_dict(output, steps=True)).encode()))
    return write_alone(dict(files), folder, overwrite=overwrite)


def write_alone(contents: Mapping[str, bytes], folder: Path, *, overwrite: bool) -> list[Path]:
    """Write a run's files as :func:`write_run` says, and return their paths. Raises OutputError."""
    for place in [folder] if overwrite else numbered(folder):
        check_writable(place)
        with sole_writer(place, wait=True):  # two who want one folder take it one after the other
            if overwrite or not any((place / name).exists() for name in contents):
                write_files(place, contents)
                _remove_others(place, contents)
                return [place / name for name in contents]
    raise AssertionError("there is always a next number")


RESULTS = Path("out")
"""Where the folders of runs are made unless another one is given."""


def own_folder(prompt: str, seed: int, among: Path | None = None) -> Path:
    """A run's own folder: ``PROMPT-SEED``, with the letters and digits of the prompt, in ``out`` or ``among``."""
    words = re.findall(r"[^\W_]+", prompt.lower())
    name = ""
    for word in words:
        if len(f"{name}-{word}".encode()) > _LONGEST_NAME:
            break
        name = f"{name}-{word}" if name else word
    return (among or RESULTS) / f"{name or 'image'}-{seed}"


def _remove_others(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Remove the files of an earlier run that this one does not have. Raises OutputError."""
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in contents:
            try:
                path.unlink()
            except OSError as error:
                raise OutputError(f"cannot remove {path}: {error.strerror}; choose another folder.") from None


def run_dict(output: RunOutput, *, steps: bool) -> dict[str, Any]:
    """Everything as plain values; ``recipe`` holds the settings shared by all images."""
    first, pipe = output.infos[0], output.pipe
    recipes = [info.recipe.to_dict() for info in output.infos]
    grids = [list(grid) for grid in pipe.grids]
    return {
        "version": first.version,
        "torch": first.torch,
        "recipe": {key: value for key, value in recipes[0].items() if all(value == other[key] for other in recipes)},
        "weights": pipe.hashes,
        **({"scales": grids} if pipe.decoding == "next-scale" else {"grid": grids[0]}),
        "images": [result_dict(result, steps=steps) for result in output.results],
        "ledger": output.ledger.to_dict(),
    }


def _name(kind: str, output: RunOutput, number: int) -> str:
    return f"{kind}.png" if len(output.results) == 1 else f"{kind}-{number:04d}.png"


def _drawings(pipe: Previewer) -> dict[str, Callable[[PromptResult], bytes]]:
    """Functions that draw a result, by file name."""

    def scales(result: PromptResult) -> bytes:
        return figure.png_bytes(scale_strip(result.best, pipe.progress(result.best), pipe.grids))

    def entropy(result: PromptResult) -> bytes:
        return figure.png_bytes(entropy_map(result.best, pipe.preview(result.best), pipe.grids[0]))

    return {
        "sheet": lambda result: png_bytes(contact_sheet(tiles_of(result, pipe.preview), result.prompt)),
        "confidence": lambda result: figure.png_bytes(confidence_plot(result)),
        **({"scales": scales} if pipe.decoding == "next-scale" else {"entropy": entropy}),
    }
