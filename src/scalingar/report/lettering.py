"""Text on pictures: the typeface matplotlib brings along, so that sheets and plots match on every machine."""

from functools import cache
from pathlib import Path

import matplotlib
from PIL import ImageFont


@cache
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans in pixels."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def line_height(size: int) -> int:
    """From one baseline to the next."""
    return round(1.45 * size)


def wrapped(text: str, size: int, width: int, *, bold: bool = False) -> list[str]:
    """The text in lines of at most ``width`` pixels; a word longer than a line is broken."""
    face = font(size, bold=bold)
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if face.getlength(joined) <= width:
            lines[-1] = joined
            continue
        pieces = _broken(word, face, width)
        lines = [*lines, *pieces] if lines[-1] else pieces
    return lines


def _broken(word: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and face.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
