"""``--like``: draw a picture again from the recipe inside it, and say whether it came out the same."""

import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from PIL import Image

from scalingar.core.device.threads import torch_threads, usable_threads
from scalingar.core.errors import OutputError
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.png import RecipeInfo
from scalingar.pipeline.recipe import Recipe


class ThreadsWarning(UserWarning):
    """Fewer threads are used than a picture was made with."""


@dataclass(frozen=True)
class Repeat:
    """The picture to repeat; ``anew``: all images of a call with another seed or number of images are wanted."""

    source: Path
    info: RecipeInfo
    picture: Image.Image
    anew: bool = False

    @classmethod
    def of(cls, source: Path, info: RecipeInfo, *, anew: bool = False) -> Self:
        """Read the pixels now: the results may be written over the file."""
        with Image.open(source) as image:
            return cls(source, info, image.convert("RGB"), anew)

    def wanted(self, output: ImageOutput) -> ImageOutput:
        """Of the images of a call those that were asked for."""
        return output if self.anew else output.only(self.info.image)

    def promises_equality(self, first: RecipeInfo) -> bool:
        """Whether ``first``, of the images that are wanted, is the picture, and no setting that affects pixels was
        changed. Paths of weights do not: their hashes are compared.
        """
        same = _without_paths(first.recipe) == _without_paths(self.info.recipe)
        return same and (first.image, first.threads) == (self.info.image, self.info.threads)

    def threads(self) -> AbstractContextManager[None]:
        """As many as the picture was made with, for the time being, or what the machine has for it."""
        usable = usable_threads(self.info.threads)
        if usable < self.info.threads:
            warnings.warn(
                f"{self.source} was made with {self.info.threads} threads, and this machine has no more than {usable}; "
                "last bits may differ.",
                ThreadsWarning,
                stacklevel=2,
            )
        return torch_threads(usable)

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
    return recipe.with_values({"model.name": "embedded", "model.variant": None, "model.tokenizer": None})
