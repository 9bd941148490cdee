"""All candidates of a prompt on one sheet: the chosen one framed, cut ones dimmed, each with its fate."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from scalingar.core.outputs import Candidate, PromptResult
from scalingar.core.pixels import enlarged
from scalingar.report.lettering import font, line_height, wrapped
from scalingar.report.palette import BACKGROUND, CHOSEN, CUT, INK, MUTED, RULE
from scalingar.report.plain import descent, final_confidence, last_reward, other_signal, signal_words

MARGIN, GAP, FRAME = 28, 24, 5
SMALLEST, LARGEST = 256, 384
"""Sides of a tile's image in pixels: smaller ones are enlarged, larger ones reduced."""
_DIMMED = 0.6
_LONGEST_TITLE = 2000
"""Characters of a title: further ones would only make the sheet higher."""
_TITLE_SIZE, _HEADING_SIZE, _CAPTION_SIZE = 20, 15, 14


@dataclass(frozen=True)
class Tile:
    """One picture of the sheet and what is written under it."""

    image: Image.Image
    heading: str
    caption: str
    chosen: bool = False
    dimmed: bool = False


def tiles_of(
    result: PromptResult, preview: Callable[[Candidate], Image.Image], chosen_by: str | None = None
) -> list[Tile]:
    """A tile per candidate; ``preview`` draws a candidate, finished or not; ``chosen_by``: the strategy's signal."""
    return [
        Tile(
            preview(candidate),
            f"#{candidate.index}",
            _caption(candidate, other_signal(chosen_by)),
            chosen=candidate.index == result.chosen,
            dimmed=not candidate.finished,
        )
        for candidate in result.candidates
    ]


def contact_sheet(tiles: Sequence[Tile], title: str) -> Image.Image:
    """The tiles in rows of four or more under a title. Small pictures are enlarged without smoothing.

    Raises:
        ValueError: there are no tiles.
    """
    if not tiles:
        raise ValueError("a contact sheet needs at least one picture")
    pictures = [fitted(tile.image) for tile in tiles]
    width, height = max(p.width for p in pictures), max(p.height for p in pictures)
    columns = min(len(tiles), max(4, math.ceil(math.sqrt(len(tiles)))))
    rows = math.ceil(len(tiles) / columns)
    captions = max(len(_lines(tile, picture)) for tile, picture in zip(tiles, pictures, strict=True))
    row_height = height + FRAME + line_height(_HEADING_SIZE) + captions * line_height(_CAPTION_SIZE) + GAP
    sheet_width = 2 * MARGIN + columns * width + (columns - 1) * GAP
    shown = title if len(title) <= _LONGEST_TITLE else f"{title[:_LONGEST_TITLE]} …"
    heading = wrapped(shown, _TITLE_SIZE, sheet_width - 2 * MARGIN, bold=True)
    top = MARGIN + len(heading) * line_height(_TITLE_SIZE) + GAP // 2
    sheet = Image.new("RGB", (sheet_width, top + rows * row_height + MARGIN - GAP // 2), BACKGROUND)
    _write(sheet, heading, MARGIN, MARGIN + _TITLE_SIZE, _TITLE_SIZE, INK, bold=True)
    for position, (tile, picture) in enumerate(zip(tiles, pictures, strict=True)):
        x, y = MARGIN + (position % columns) * (width + GAP), top + (position // columns) * row_height
        _draw_tile(sheet, tile, picture, x, y)
    return sheet


def fitted(image: Image.Image) -> Image.Image:
    """At least SMALLEST on its longer side, by whole pixels, and at most LARGEST."""
    image = image.convert("RGB")
    side = max(image.size)
    if side < SMALLEST:
        return enlarged(image, math.ceil(SMALLEST / side))
    if side > LARGEST:
        image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return image


def _caption(candidate: Candidate, signal: str | None) -> str:
    confidence = final_confidence(candidate)
    level = f"C {confidence:.3f}" if math.isfinite(confidence) else "C unknown"
    copied = [descent(candidate)] if candidate.parent is not None else []
    if candidate.cut is None:
        chosen_by = [] if signal is None else [f"{signal_words(signal)} {candidate.signals.get(signal, math.nan):.3f}"]
        values = [f"verifier {candidate.signals['verifier']:.3f}"] if "verifier" in candidate.signals else []
        scores = [*values, *(f"{name.partition(':')[0]} {value:.3f}" for name, value in candidate.rewards.items())]
        return "\n".join([" · ".join(["finished", level, *chosen_by, *scores]), *copied])
    score = last_reward(candidate, "")
    reward = [f"reward {score:.3f}"] if math.isfinite(score) else []
    head = " · ".join([f"cut at {candidate.step_name} {candidate.cut.step}", level, *reward])
    return "\n".join([head, candidate.cut.reason, *copied])


def _draw_tile(sheet: Image.Image, tile: Tile, picture: Image.Image, x: int, y: int) -> None:
    """Paste one picture with its frame, and write beneath it."""
    draw = ImageDraw.Draw(sheet)
    if tile.dimmed:
        picture = Image.blend(picture, Image.new("RGB", picture.size, BACKGROUND), _DIMMED)
    right, bottom = x + picture.width, y + picture.height
    if tile.chosen:
        draw.rectangle((x - FRAME, y - FRAME, right + FRAME - 1, bottom + FRAME - 1), fill=CHOSEN)
    else:
        draw.rectangle((x - 1, y - 1, right, bottom), fill=RULE)
    sheet.paste(picture, (x, y))
    baseline = bottom + FRAME + line_height(_HEADING_SIZE)
    colour = CHOSEN if tile.chosen else CUT if tile.dimmed else INK
    _write(sheet, [tile.heading + "  chosen" * tile.chosen], x, baseline, _HEADING_SIZE, colour, bold=True)
    _write(sheet, _lines(tile, picture), x, baseline + line_height(_CAPTION_SIZE), _CAPTION_SIZE, MUTED)


def _lines(tile: Tile, picture: Image.Image) -> list[str]:
    """The caption, broken to the picture's width."""
    return [line for part in tile.caption.split("\n") for line in wrapped(part, _CAPTION_SIZE, picture.width)]


def _write(
    sheet: Image.Image, lines: list[str], x: int, baseline: int, size: int, colour: str, *, bold: bool = False
) -> None:
    draw = ImageDraw.Draw(sheet)
    for row, line in enumerate(lines):
        draw.text((x, baseline + row * line_height(size)), line, colour, font(size, bold=bold), anchor="ls")
