"""Reading pictures that somebody else made."""

from pathlib import Path

from PIL import Image

from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.pixels import rgb


def read_image(path: Path) -> Image.Image:
    """The whole picture in a file, of 8 bits a channel, with its ``filename``.

    Raises:
        BenchmarkError: it cannot be read, is cut short or damaged, too large, or of numbers that could mean anything.
    """
    try:
        with Image.open(path) as image:
            image.load()
            picture = rgb(image) if image.mode.startswith(("I", "F")) else image.copy()
    except ConfigError as error:
        raise BenchmarkError(f"{path}: {error}") from None
    except Exception as error:  # on damaged files Pillow raises anything
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()).replace(f" {str(path)!r}", "")[:200]
        raise BenchmarkError(f"{path} is no picture that can be read ({reason}); copy or make it again.") from None
    picture.filename = str(path)  # type: ignore[attr-defined]
    return picture
