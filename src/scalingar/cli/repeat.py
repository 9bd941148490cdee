"""``--like``: draw a picture again from the recipe inside it, and say whether it came out the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from scalingar.config import Recipe
from scalingar.errors import OutputError
from scalingar.metadata import RecipeInfo


@dataclass(frozen=True)
class Repeat:
    """The picture to repeat."""

    source: Path
    info: RecipeInfo
    picture: Image.Image

    @classmethod
    def of(cls, source: Path, info: RecipeInfo) -> Self:
        """Read the pixels now: the results may be written over the file."""
        with Image.open(source) as image:
            return cls(source, info, image.convert("RGB"))

    def promises_equality(self, recipe: Recipe) -> bool:
        """Nothing that decides about pixels was changed; where the model lies does not."""
        place = {"model": self.info.recipe.model}
        return recipe.model_copy(update=place) == self.info.recipe

    def differing(self, image: Image.Image) -> float:
        """Share of pixels that differ, from 0 to 1."""
        if image.size != self.picture.size:
            return 1.0
        return float((np.asarray(image.convert("RGB")) != np.asarray(self.picture)).any(-1).mean())

    def check(self, image: Image.Image, torch_version: str) -> None:
        """Raises OutputError unless the image equals the picture pixel by pixel."""
        share = self.differing(image)
        if share:
            made = f"made with torch {self.info.torch} on {self.info.recipe.device}, this is torch {torch_version}"
            raise OutputError(f"the image differs from {self.source} in {share:.1%} of its pixels ({made}).")
