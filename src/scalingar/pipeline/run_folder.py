"""Writing the files of a run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from scalingar.core.files import check_writable, write_files
from scalingar.core.locks import sole_writer
from scalingar.core.outputs import Ledger, PromptResult
from scalingar.core.pixels import png_bytes
from scalingar.pipeline.png import RecipeInfo
from scalingar.pipeline.preview import Previewer
from scalingar.report import confidence_plot, contact_sheet, entropy_map, figure, result_dict, scale_strip, tiles_of


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


def write_run(output: RunOutput, folder: Path) -> list[Path]:
    """Write all files, replacing older ones, and return their paths, the images first.

    Two who write into one folder do so one after the other, so that its files belong together. Raises OutputError.
    """
    check_writable(folder)
    files = [(_name("image", output, number), png_bytes(picture)) for number, picture in enumerate(output.pictures)]
    for kind, draw in _drawings(output.pipe).items():
        files += [(_name(kind, output, number), draw(result)) for number, result in enumerate(output.results)]
    files.append(("trace.json", json.dumps(run_dict(output, steps=True)).encode()))
    with sole_writer(folder, wait=True):
        write_files(folder, dict(files))
    return [folder / name for name, _ in files]


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
