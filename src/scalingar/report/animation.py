"""How an image came about, as a moving sheet: trajectories fill in, those cut dim, the chosen one is framed."""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from PIL import Image, ImageOps
from torch import Tensor

from scalingar.core.outputs import Candidate, PromptResult
from scalingar.report.contact_sheet import Tile, contact_sheet
from scalingar.report.plain import known_after

Format = Literal["gif", "webp"]
FORMATS: tuple[Format, ...] = get_args(Format)
FRAMES = 24
"""Of a next-token model's image; a next-scale model's has one per scale."""
_TOKENS_MS, _SCALE_MS, _END_MS = 120, 450, 2500
"""How long a frame is shown."""
_BLANK = (236, 239, 243)
_SAMPLED = 4
"""One pixel of so many, in both directions, decides the colours of a GIF."""

Grids = Sequence[tuple[int, int]]
Draw = Callable[[Tensor], Image.Image]
"""The picture of a trajectory's first codes."""


@dataclass(frozen=True)
class Film:
    """Frames of one size, and the milliseconds that each is shown."""

    frames: list[Image.Image]
    milliseconds: list[int]

    def encoded(self, form: Format) -> bytes:
        """The content of a file that repeats for ever."""
        buffer = io.BytesIO()
        first, *others = _with_one_palette(self.frames) if form == "gif" else self.frames
        lossy = {"quality": 80, "method": 4} if form == "webp" else {}
        first.save(
            buffer, form.upper(), save_all=True, append_images=others, duration=self.milliseconds, loop=0, **lossy
        )
        return buffer.getvalue()


def _with_one_palette(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """In the same 256 colours, without dither: what stays the same in the next frame costs nothing."""
    width, height = (side // _SAMPLED for side in frames[0].size)
    mosaic = Image.new("RGB", (width, height * len(frames)))
    for row, frame in enumerate(frames):
        mosaic.paste(frame.resize((width, height), Image.Resampling.NEAREST), (0, row * height))
    palette = mosaic.quantize(256)
    return [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]


def animation(result: PromptResult, grids: Grids, draw: Draw, *, frames: int = FRAMES) -> Film:
    """The decoding of a prompt's trajectories, from their codes and traces.

    Args:
        result: as a run or its trace has it.
        grids: rows and columns of tokens of each scale, coarse to fine; of a next-token model the only one, or its
            preview's and that one.
        draw: the picture of the first codes of a trajectory, ``(t,)`` or ``(t, g)``; what is missing is grey or coarse.
        frames: most of a next-token model's image, at equal distances.
    """
    by_scale = result.best.step_name == "scale"
    total = len(grids) if by_scale else sum(height * width for height, width in grids)
    count = total if by_scale else min(frames, total)
    positions = [math.ceil(total * (number + 1) / count) for number in range(count)]
    pictures: dict[tuple[int, int], Image.Image] = {}
    size = draw(result.best.codes).size

    def picture(candidate: Candidate, tokens: int) -> Image.Image:
        """Each is made once: one that was cut stays what it was. A preview's, which is smaller, is enlarged."""
        key = candidate.index, tokens
        if key not in pictures:
            drawn = draw(candidate.codes[:tokens]).convert("RGB") if tokens else Image.new("RGB", size, _BLANK)
            pictures[key] = drawn if drawn.size == size else ImageOps.pad(drawn, size, color=_BLANK)
        return pictures[key]

    sheets = [
        contact_sheet([_tile(candidate, at, grids, picture) for candidate in result.candidates], result.prompt)
        for at in positions
    ]
    last = [_tile(one, total, grids, picture, chosen=one.index == result.chosen) for one in result.candidates]
    sheets.append(contact_sheet(last, result.prompt))
    each = _SCALE_MS if by_scale else _TOKENS_MS
    return Film(sheets, [each] * len(positions) + [_END_MS])


def _tile(
    candidate: Candidate,
    at: int,
    grids: Grids,
    picture: Callable[[Candidate, int], Image.Image],
    *,
    chosen: bool = False,
) -> Tile:
    """A trajectory after ``at`` steps. Its caption always has two lines, so that all frames are of a size."""
    heading = f"#{candidate.index}"
    if candidate.parent is not None and at <= candidate.born:
        return Tile(picture(candidate, 0), heading, "\n")
    cut = candidate.cut is not None and candidate.cut.step <= at
    done = candidate.cut.step if candidate.cut is not None and cut else at
    tokens = sum(height * width for height, width in grids[:done]) if candidate.step_name == "scale" else done
    confidence = candidate.trace.get("C")
    known = -1 if confidence is None else min(at - known_after(candidate, "C"), len(confidence) - 1)
    level = math.nan if confidence is None or known < 0 else float(confidence[known])
    figure = f"C {level:.3f}" if math.isfinite(level) else f"{candidate.step_name} {done}"
    told = f"cut at {candidate.step_name} {done}" if cut else _descent(candidate)
    return Tile(picture(candidate, min(tokens, candidate.tokens)), heading, f"{figure}\n{told}", chosen, dimmed=cut)


def _descent(candidate: Candidate) -> str:
    return "" if candidate.parent is None else f"copy of #{candidate.parent}"
