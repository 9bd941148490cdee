"""``--like``: draw a picture again from the recipe inside it, and say whether it came out the same."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from PIL import Image

from scalingar.core.device.threads import torch_threads
from scalingar.core.errors import OutputError
from scalingar.pipeline.png import RecipeInfo
from scalingar.pipeline.recipe import Recipe


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
        """Whether no setting that affects pixels was changed. Paths of weights do not: their hashes are compared."""
        return _without_paths(recipe) == _without_paths(self.info.recipe)

    def threads(self) -> AbstractContextManager[None]:
        """As many as the picture was made with, for the time being."""
        return torch_threads(self.info.threads)

    def differing(self, image: Image.Image) -> int:
        """How many pixels differ."""
        if image.size != self.picture.size:
            return image.width * image.height
        return int((np.asarray(image.convert("RGB")) != np.asarray(self.picture)).any(-1).sum())

    def check(self, image: Image.Image) -> None:
        """Raises OutputError unless the image equals the picture pixel by pixel."""
        count = self.differing(image)
        if count:
            raise OutputError(
                f"the image differs from {self.source} in {count} of {image.width * image.height} pixels; it was made "
                f"with torch {self.info.torch}, perhaps on another processor, this is torch {torch.__version__}."
            )


def _without_paths(recipe: Recipe) -> Recipe:
    return recipe.with_values({"model.name": "", "model.variant": None, "model.tokenizer": None})
