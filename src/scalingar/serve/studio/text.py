"""Words and pictures as HTML."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

from PIL import Image

from scalingar.core.errors import ScalingarError
from scalingar.core.text_file import printable
from scalingar.serve.errors import ApiError

SIDE = 256
"""Longest side of a picture that is shown among others, in pixels."""
_QUALITY = 90


def words(text: object) -> str:
    """Text of anybody's as HTML that shows it."""
    return escape(printable(str(text)))


def alert(sentence: str) -> str:
    """What went wrong, read out at once by a screen reader."""
    return f'<p class="studio-alert" role="alert">{words(sentence)}</p>'


def status(sentence: str) -> str:
    """What is going on."""
    return f'<p class="studio-status" role="status">{words(sentence)}</p>'


def notes(sentences: Sequence[str]) -> str:
    """What was read or drawn otherwise than it was asked for; nothing where nothing was."""
    rows = "".join(f"<li>{words(sentence)}</li>" for sentence in sentences)
    return f'<ul class="studio-notes" aria-label="notes">{rows}</ul>' if rows else ""


def sentence_of(error: ScalingarError | ApiError) -> str:
    """The sentence that the command line gives."""
    return error.message if isinstance(error, ApiError) else str(error)


def data_url(content: bytes, kind: str) -> str:
    """A file as the address of a link or picture; nothing is left on the server."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def picture_url(image: Image.Image, *, lossy: bool = False) -> str:
    """A picture, reduced to :data:`SIDE`; ``lossy``: a JPEG, for what is replaced in a moment."""
    small = image.convert("RGB")
    if max(small.size) > SIDE:
        small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG" if lossy else "PNG", **({"quality": _QUALITY} if lossy else {}))
    return data_url(buffer.getvalue(), "image/jpeg" if lossy else "image/png")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, *, numbers: bool = False) -> str:
    """A table that scrolls by itself where the page is narrow; cells are plain text.

    ``numbers``: all columns but the first are numbers.
    """
    top = "".join(f'<th scope="col">{words(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{words(first)}</th>' + "".join(f"<td>{words(cell)}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    kind = "studio-table numbers" if numbers else "studio-table"
    return (
        f'<div class="{kind}" tabindex="0" role="region" aria-label="{words(caption)}"><table>'
        f"<caption>{words(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def links(files: Mapping[str, bytes]) -> str:
    """A link to keep each file, by its name."""
    kinds = {"png": "image/png", "json": "application/json", "yaml": "text/plain"}
    made = (
        f'<a download="{words(name)}" href="{data_url(content, kinds[name.rpartition(".")[2]])}">{words(name)}</a>'
        for name, content in files.items()
    )
    return f'<p class="studio-links">{" ".join(made)}</p>'
