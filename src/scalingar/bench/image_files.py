"""Pictures for judges: those that somebody else made, and a blank one."""

from pathlib import Path

from PIL import Image, ImageOps

from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.pixels import rgb

BLANK = 96
"""Side of the picture that judges are tried with."""


def read_image(path: Path) -> Image.Image:
    """The whole picture in a file, upright, RGB of 8 bits, with its ``filename``.

    Raises:
        BenchmarkError: it cannot be read, is cut short or damaged, too large, transparent, or of numbers that could
            mean anything.
    """
    try:
        picture = rgb(ImageOps.exif_transpose(loaded(path)))
    except ConfigError as error:
        raise BenchmarkError(f"{path}: {error}") from None
    picture.filename = str(path)  # type: ignore[attr-defined]
    return picture


def loaded(path: Path) -> Image.Image:
    """The whole picture in a file as it was written. Raises BenchmarkError if it cannot be read."""
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever
        raise BenchmarkError(f"{path} is no picture that can be read (it is no file); copy or make it again.")
    try:
        with Image.open(path) as image:
            image.load()
            return image.copy()
    except Exception as error:  # on damaged files Pillow raises anything
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()).replace(f" {str(path)!r}", "")[:200]
        raise BenchmarkError(f"{path} is no picture that can be read ({reason}); copy or make it again.") from None


def blank_picture() -> Image.Image:
    """A black picture without a file name, as drawn ones are, to try a judge with."""
    return Image.new("RGB", (BLANK, BLANK))
