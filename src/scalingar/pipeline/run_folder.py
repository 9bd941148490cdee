"""Writing the files of a run."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ConfigError, OutputError
from scalingar.core.files import check_writable, numbered, write_files
from scalingar.core.locks import sole_writer
from scalingar.core.outputs import Ledger, PromptResult
from scalingar.core.pixels import enlarged, png_bytes
from scalingar.core.validation import shown
from scalingar.pipeline.arguments import whole
from scalingar.pipeline.png import RecipeInfo
from scalingar.pipeline.preview import Previewer
from scalingar.report import (
    Tile,
    animation,
    confidence_plot,
    contact_sheet,
    entropy_map,
    figure,
    result_dict,
    scale_strip,
    tiles_of,
)
from scalingar.report.animation import FORMATS, Format

_LONGEST_NAME = 60
"""Bytes of a prompt in the name of its folder."""
_OURS = re.compile(
    r"(?:image|sheet|confidence|entropy|scales)(?:-\d{4,})?(?:@\d+x)?\.png|grid\.png|animation(?:-\d{4,})?\.(?:gif|webp)|"
    r"(?:trace|comparison)\.json"
)
SMALL, USUAL_SCALE, LARGEST_SCALE = 256, 4, 16
"""Pictures whose longer side is below the first, in pixels, are also written enlarged."""


@dataclass(frozen=True)
class Extras:
    """What is written beside the usual files.

    ``animation``: of each image's decoding, ``gif`` or ``webp``. ``scale``: how often each pixel of an enlarged copy is
    repeated, 1 for no copy; None: 4 for small pictures.
    """

    animation: str | None = None
    scale: int | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        if self.animation is not None and self.animation not in FORMATS:
            raise ConfigError(f"animation is {shown(self.animation)}; choose from {', '.join(FORMATS)}.")
        if self.scale is not None:
            whole(self.scale, "scale", 1, LARGEST_SCALE)

    def factor(self, image: Image.Image) -> int:
        """Of the enlarged copy; 1 if there is none."""
        return self.scale or (USUAL_SCALE if max(image.size) < SMALL else 1)


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


def write_run(output: RunOutput, folder: Path, *, overwrite: bool = False, extras: Extras | None = None) -> list[Path]:
    """Write all files and return their paths, the images first.

    A folder holds one run. If this one holds another, or a file of a name that is needed, the files go to a folder
    beside it, ``folder-2`` and so on; with ``overwrite`` they take the place of the other run's. Raises OutputError.
    """
    extras, pictures = extras or Extras(), output.pictures
    files = [(_name("image", output, number), png_bytes(picture)) for number, picture in enumerate(pictures)]
    for number, picture in enumerate(pictures):
        if (factor := extras.factor(picture)) > 1:
            files.append(
                (
                    _name("image", output, number, f"@{factor}x.png"),
                    png_bytes(
                        enlarged(picture, factor),
                        _described(f"the image, each pixel {factor} wide,", output.results[number]),
                    ),
                )
            )
    if len(pictures) > 1:
        files.append(
            ("grid.png", png_bytes(_grid(output.results, pictures), _described("all images", output.results[0])))
        )
    for kind, draw in _drawings(output).items():
        files += [(_name(kind, output, number), draw(result)) for number, result in enumerate(output.results)]
    if extras.animation is not None:
        form: Format = "gif" if extras.animation == "gif" else "webp"
        for number, result in enumerate(output.results):
            film = animation(result, output.pipe.grids, output.pipe.picture)
            files.append((_name("animation", output, number, f".{form}"), film.encoded(form)))
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
        **_grids(pipe.decoding, grids),
        "images": [
            result_dict(result, steps=steps, guided=guided(info))
            for result, info in zip(output.results, output.infos, strict=True)
        ],
        "ledger": output.ledger.to_dict(),
    }


def guided(info: RecipeInfo) -> bool:
    """Whether an image was drawn with an unconditional branch beside the prompt's."""
    scale = info.recipe.guidance_scale
    return scale is None or scale > 1


def _grids(decoding: Decoding, grids: list[list[int]]) -> dict[str, Any]:
    """Every scale's, or that of the image and of its preview."""
    if decoding == "next-scale":
        return {"scales": grids}
    return {"grid": grids[-1], **({"preview": grids[0]} if len(grids) > 1 else {})}


def _name(kind: str, output: RunOutput, number: int, end: str = ".png") -> str:
    return f"{kind}{end}" if len(output.results) == 1 else f"{kind}-{number:04d}{end}"


def _grid(results: Sequence[PromptResult], pictures: Sequence[Image.Image]) -> Image.Image:
    """All images of a call side by side, with their seeds, and their prompts where these differ."""
    prompts = {result.prompt for result in results}
    title = results[0].prompt if len(prompts) == 1 else f"{len(pictures)} images"
    tiles = [
        Tile(picture, f"seed {result.seed}", "" if len(prompts) == 1 else result.prompt)
        for result, picture in zip(results, pictures, strict=True)
    ]
    return contact_sheet(tiles, title)


def sheet_png(output: RunOutput, result: PromptResult) -> bytes:
    """All trajectories of an image, with their fates."""
    tiles = tiles_of(result, output.pipe.preview, output.infos[0].recipe.strategy.chosen_by())
    drawn = contact_sheet(tiles, result.prompt)
    return png_bytes(drawn, _described(f"all {len(result.candidates)} trajectories", result))


def _drawings(output: RunOutput) -> dict[str, Callable[[PromptResult], bytes]]:
    """Functions that draw a result, by file name."""
    pipe = output.pipe

    def scales(result: PromptResult) -> bytes:
        strip = scale_strip(result.best, pipe.progress(result.best), pipe.grids)
        return figure.png_bytes(strip, _described("the chosen image after each scale", result))

    def entropy(result: PromptResult) -> bytes:
        drawn = entropy_map(result.best, pipe.preview(result.best), pipe.grids[-1])
        return figure.png_bytes(drawn, _described("the entropy of every token of the chosen image", result))

    def confidence(result: PromptResult) -> bytes:
        return figure.png_bytes(confidence_plot(result), _described("confidence over the steps", result))

    return {
        "sheet": partial(sheet_png, output),
        "confidence": confidence,
        **({"scales": scales} if pipe.decoding == "next-scale" else {"entropy": entropy}),
    }


def _described(what: str, result: PromptResult) -> str:
    return f"scalingar: {what} of {result.prompt!r}, seed {result.seed}; the recipe is in the image beside it"
