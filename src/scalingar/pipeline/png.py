"""Recipes inside PNG files."""

import json
import warnings
from pathlib import Path
from typing import Any, Self

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from pydantic import Field, model_validator

from scalingar import __version__
from scalingar.core.errors import ConfigError, OutputError, WeightsError
from scalingar.core.settings import Record
from scalingar.core.text_file import reason
from scalingar.core.validation import shown
from scalingar.pipeline.recipe import Recipe, RecordedRecipe
from scalingar.rewards.verifiers import VERIFIER, Verifier

KEY = "scalingar"
"""Keyword of the PNG text chunk."""
MOST_THREADS = 1024
"""More than machines have; a library would end the process over a number far beyond."""


_LONGEST_REASON = 200


class RecipeInfo(Record):
    """Everything needed to reproduce a picture."""

    recipe: RecordedRecipe
    """Of the whole run, with the model's defaults filled in."""
    image: int = Field(0, ge=0, description="which of the run's images this is")
    trajectory: int = Field(ge=0, description="which trajectory was chosen")
    weights: dict[str, str] = Field(description="SHA-256 of the weight files, and of the verifier's head")
    version: str = Field(description="of scalingar")
    torch: str = Field(description="version of torch")
    threads: int = Field(
        ge=1, le=MOST_THREADS, description="of torch; sums over pixels are split among them, which shows in last bits"
    )

    @model_validator(mode="after")
    def _is_of_the_run(self) -> Self:
        if self.image >= self.recipe.num_images_per_prompt:
            raise ValueError(f"image {self.image} is none of the run's {self.recipe.num_images_per_prompt}")
        return self

    @property
    def alone(self) -> Recipe:
        """The recipe that draws this picture as the first image of a call of its own."""
        return self.recipe.model_copy(update={"seed": self.recipe.seed + self.image, "num_images_per_prompt": 1})

    def check_weights(self, hashes: dict[str, str], source: Path) -> None:
        """Raises WeightsError unless ``hashes`` are those of the model ``source`` was made with."""
        names = sorted({*self.weights, *hashes} - {VERIFIER})
        different = [name for name in names if self.weights.get(name) != hashes.get(name)]
        if different:
            raise WeightsError(
                f"{source} was made with other weights than this model's ({', '.join(different)} differ); "
                "name the folder of the right ones with --model."
            )

    def check_verifier(self, verifier: Verifier, source: Path) -> None:
        """Raises WeightsError where ``source`` was made with another verifier than this one."""
        if self.weights.get(VERIFIER, verifier.sha256) != verifier.sha256:
            raise WeightsError(
                f"{source} was made with another verifier than {verifier.source.removeprefix('the verifier ')}, which "
                "was trained again since or is another one; name the folder of the right one with --verifier."
            )


class Picture(Image.Image):
    """An image with its recipe: in ``info`` under :data:`KEY`, and in every PNG that ``save`` writes.

    Other formats cannot hold it, and images that Pillow derives from this one are plain images.
    """

    @classmethod
    def of(cls, image: Image.Image, info: RecipeInfo) -> Self:
        """A copy of ``image`` with its recipe."""
        picture = cls()
        picture.__setstate__(list(image.__getstate__()))  # Pillow's own way to make an image from another's content
        picture.info = {**image.info, KEY: json.dumps(info.model_dump(mode="json"))}  # ASCII, whatever the prompt
        return picture

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:
        """As Pillow does, with the recipe unless ``pnginfo`` says otherwise."""
        text = PngInfo()
        text.add_text(KEY, self.info[KEY])
        super().save(fp, format, **{"pnginfo": text, **params})


def read_recipe(path: Path) -> RecipeInfo:
    """The recipe inside a PNG.

    Raises:
        OutputError: no such file, not a PNG, or a PNG without a recipe that can be followed.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=["PNG"]) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # larger ones are an error
            image.load()
            text = image.info.get(KEY)
    except FileNotFoundError:
        raise OutputError(f"{path} does not exist.") from None
    except UnidentifiedImageError:
        raise OutputError(f"{path} is no PNG; only PNG files written by scalingar hold a recipe.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise OutputError(f"cannot read {path}: {reason(error).rstrip('.')}.") from None
    if text is None:
        raise OutputError(
            f"{path} holds no recipe; give a picture as it was drawn, such as a run's image.png: grids, sheets, "
            "enlarged copies and pictures of 'bench run' have none."
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise OutputError(f"{path} holds a recipe that is damaged (it is no JSON); copy the file again.") from None
    try:
        return RecipeInfo.model_validate(content)
    except (ConfigError, RecursionError) as error:
        raise OutputError(f"{path} holds {_refusal(content, str(error)[:_LONGEST_REASON].rstrip('.'))}") from None


def _refusal(content: Any, why: str) -> str:
    """What is wrong with a recipe: another version wrote it, if it says so; else it was changed since."""
    writer = content.get("version") if isinstance(content, dict) else None
    if isinstance(writer, str) and writer != __version__:
        return f"a recipe of scalingar {shown(writer)} that {__version__} cannot follow ({why}); use that version."
    return f"a recipe that cannot be followed ({why}); it was changed, or named Python code of its author."
