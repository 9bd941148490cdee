"""The files a run leaves in its folder."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from scalingar import __version__
from scalingar.core.files import write_file
from scalingar.core.outputs import ImageOutput, PromptResult
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.png import RecipeInfo, save_png
from scalingar.pipeline.recipe import Recipe
from scalingar.report import confidence_plot, contact_sheet, entropy_map, result_dict, scale_strip, tiles_of
from scalingar.report.figure import png_bytes


@dataclass(frozen=True)
class Results:
    """What came out of a run, and where it goes. ``only``: the one image of several that is wanted."""

    pipe: ImagePipeline
    recipe: Recipe
    output: ImageOutput
    folder: Path
    only: int | None = None

    @property
    def numbers(self) -> list[int]:
        """Which of the run's images are handed out."""
        return list(range(len(self.output.results))) if self.only is None else [self.only]

    @property
    def shown(self) -> list[PromptResult]:
        """Their results."""
        return [self.output.results[number] for number in self.numbers]

    @property
    def chosen(self) -> list[Image.Image]:
        """Their pictures."""
        return [self.pipe.preview(result.best) for result in self.shown]

    @property
    def full_tokens(self) -> int:
        """What completing every trajectory that started would have drawn."""
        started = [one for result in self.output.results for one in result.candidates if one.parent is None]
        return len(started) * sum(height * width for height, width in self.pipe.grids)

    def info(self, number: int) -> RecipeInfo:
        """How image ``number`` was made."""
        return RecipeInfo(
            recipe=self.recipe,
            image=number,
            trajectory=self.output.results[number].chosen,
            weights=self.pipe.hashes,
            version=__version__,
            torch=torch.__version__,
            threads=torch.get_num_threads(),
        )

    def to_dict(self, *, steps: bool) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "version": __version__,
            "torch": torch.__version__,
            "recipe": self.recipe.to_dict(),
            "weights": self.pipe.hashes,
            **self._grid(),
            "images": [result_dict(result, steps=steps) for result in self.shown],
            "ledger": self.output.ledger.to_dict(),
        }

    def write(self) -> list[str]:
        """Write all files and return their paths, the images first. Raises OutputError."""
        images = [self._path("image", number) for number in self.numbers]
        for path, picture, number in zip(images, self.chosen, self.numbers, strict=True):
            save_png(picture, path, self.info(number))
        pictures: list[tuple[str, Callable[[PromptResult], bytes]]] = [
            ("sheet", self._sheet),
            ("confidence", lambda result: png_bytes(confidence_plot(result))),
            ("scales", self._scales) if self._next_scale else ("entropy", self._entropy),
        ]
        paths = list(images)
        for name, draw in pictures:
            for number, result in zip(self.numbers, self.shown, strict=True):
                paths.append(self._path(name, number))
                write_file(paths[-1], draw(result))
        trace = self.folder / "trace.json"
        write_file(trace, json.dumps(self.to_dict(steps=True)).encode())
        return [str(path) for path in [*paths, trace]]

    @property
    def _next_scale(self) -> bool:
        return self.pipe.decoding == "next-scale"

    def _grid(self) -> dict[str, Any]:
        grids = [list(grid) for grid in self.pipe.grids]
        return {"scales": grids} if self._next_scale else {"grid": grids[0]}

    def _path(self, name: str, number: int) -> Path:
        single = len(self.numbers) == 1
        return self.folder / (f"{name}.png" if single else f"{name}-{number:04d}.png")

    def _sheet(self, result: PromptResult) -> bytes:
        buffer = io.BytesIO()
        contact_sheet(tiles_of(result, self.pipe.preview), result.prompt).save(buffer, "PNG")
        return buffer.getvalue()

    def _scales(self, result: PromptResult) -> bytes:
        return png_bytes(scale_strip(result.best, self.pipe.progress(result.best), self.pipe.grids))

    def _entropy(self, result: PromptResult) -> bytes:
        return png_bytes(entropy_map(result.best, self.pipe.preview(result.best), self.pipe.model.grid))
