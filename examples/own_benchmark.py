"""A benchmark of one's own, run by the command line like those of the package: is the object's colour right?"""

import colorsys
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from PIL import Image
from pydantic import Field

from scalingar.bench import BENCHMARKS, Benchmark
from scalingar.bench.benchmark import BenchmarkSettings, Item, Verdict
from scalingar.cli.main import app

HUES = {"red": 0.0, "yellow": 1 / 6, "green": 1 / 3, "blue": 2 / 3}
"""On the circle of hues, which has length 1."""
OBJECTS = ("car", "apple")


class HueSettings(BenchmarkSettings):
    """How the colour of an image is found."""

    saturation: float = Field(0.4, gt=0, lt=1, description="pixels below it are background")


@BENCHMARKS.register("hues")
class Hues(Benchmark):
    """Eight prompts of one coloured object; right if most coloured pixels are nearest to the hue that was asked for."""

    label = "hues"
    version = "1"
    images_per_prompt = 1
    settings: ClassVar[type[BenchmarkSettings]] = HueSettings

    def __init__(self, settings: HueSettings) -> None:
        self.saturation = settings.saturation

    @classmethod
    def build(cls, settings: HueSettings, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        """There is nothing to load."""
        return cls(settings)

    def items(self) -> list[Item]:
        """The task is the colour, so that each colour weighs the same."""
        return [Item(f"{color}-{name}", f"a photo of a {color} {name}", color) for color in HUES for name in OBJECTS]

    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        """One verdict per image."""
        return [self._verdict(item.task, image) for image in images]

    def _verdict(self, wanted: str, image: Image.Image) -> Verdict:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3) / 255
        hsv = np.array([colorsys.rgb_to_hsv(*pixel) for pixel in pixels])
        colored = hsv[hsv[:, 1] > self.saturation, 0]
        distance = np.abs(colored[:, None] - np.array(list(HUES.values())))
        nearest = np.minimum(distance, 1 - distance).argmin(1)  # the circle closes
        shares: dict[str, Any] = dict(zip(HUES, np.bincount(nearest, minlength=len(HUES)).tolist(), strict=True))
        found = max(shares, key=lambda color: shares[color]) if len(colored) else "no colour"
        return Verdict(float(found == wanted), reason="" if found == wanted else found, details={"pixels": shares})


if __name__ == "__main__":
    run = ["bench", "run", "hues", "--strategy", "single,most-confident-of-n", "-n", "2", "-o", "runs/hues"]
    app([*run, "saturation=0.5"], standalone_mode=False)
    app(["bench", "report", "runs/hues", "--baseline", "single", "-o", "runs/hues-report"], standalone_mode=False)
