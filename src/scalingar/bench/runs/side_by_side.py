"""A picture of prompts on which runs disagree, with the images of each run and whether they are right."""

from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw

from scalingar.bench.benchmark import Verdict
from scalingar.bench.image_files import read_image
from scalingar.bench.runs.results import RunResults
from scalingar.core.errors import BenchmarkError
from scalingar.report.lettering import font, line_height, wrapped
from scalingar.report.palette import BACKGROUND, CHOSEN, CUT, INK

SIDE, GAP, FRAME, TEXT = 192, 14, 4, 13
Line = dict[str, Any]
Key = tuple[str, int]
"""The id of a prompt and the number of one of its images."""


def pictures(runs: Sequence[RunResults], *, graded: bool = False) -> Image.Image:
    """A row per run and up to two columns per task: the first image that the first run got right and the last run
    wrong, and the first for which it is the other way round. Right images are framed blue, wrong ones red.

    ``graded``: points are better or worse, not right or wrong. Then the columns are those with the largest differences,
    the best image of a column is framed blue and the worst red, and the points stand in a corner.

    Raises:
        BenchmarkError: fewer than two runs, a run without images (a derived one), or no image they differ in.
    """
    if len(runs) < 2:
        few = "a run alone" if runs else "no run"
        raise BenchmarkError(f"{few} cannot be compared; give two or more.")
    for run in runs:
        if run.plan.derived_from is not None:
            raise BenchmarkError(f"{run.folder} was derived and has no images; give runs of 'bench run'.")
    by_key = [{(line["id"], line["number"]): line for line in run.samples} for run in runs]
    for run, lines in zip(runs, by_key, strict=True):
        if lines.keys() != by_key[0].keys():
            raise BenchmarkError(f"{run.folder} has other prompts than {runs[0].folder}; give runs of the same ones.")
    keys = (differences if graded else disagreements)(by_key[0], by_key[-1])
    if not keys:
        same = "got the same points for all images" if graded else "are right about the same images"
        raise BenchmarkError(f"{runs[0].folder} and {runs[-1].folder} {same}.")
    heads = [wrapped(by_key[0][key]["prompt"], TEXT, SIDE) for key in keys]
    left = GAP + max(round(font(TEXT, bold=True).getlength(run.name)) for run in runs) + GAP
    top = GAP + max(map(len, heads)) * line_height(TEXT) + GAP
    sheet = Image.new("RGB", (left + len(keys) * (SIDE + GAP), top + len(runs) * (SIDE + GAP)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for column, head in enumerate(heads):
        for row, words in enumerate(head):
            position = (left + column * (SIDE + GAP), GAP + (row + 1) * line_height(TEXT))
            draw.text(position, words, INK, font(TEXT), anchor="ls")
    for row, (run, lines) in enumerate(zip(runs, by_key, strict=True)):
        y = top + row * (SIDE + GAP)
        draw.text((GAP, y + SIDE // 2), run.name, INK, font(TEXT, bold=True), anchor="lm")
        for column, key in enumerate(keys):
            points = [other[key]["verdict"]["points"] for other in by_key]
            frame = _frame(lines[key], points) if graded else CHOSEN if _right(lines[key]) else CUT
            x = left + column * (SIDE + GAP)
            _framed(sheet, run, lines[key], x, y, frame)
            if graded:
                _noted(draw, f"{lines[key]['verdict']['points']:.3g}", x, y)
    return sheet


def disagreements(first: dict[Key, Line], last: dict[Key, Line]) -> list[Key]:
    """Per task, the first image that only ``first`` got right and the first that only ``last`` did, if any."""
    first_keys: dict[tuple[str, bool], Key] = {}
    for key, line in first.items():
        right = _right(line)
        if right != _right(last[key]):
            first_keys.setdefault((line["task"], right), key)
    tasks = dict.fromkeys(line["task"] for line in first.values())
    return [first_keys[task, right] for task in tasks for right in (True, False) if (task, right) in first_keys]


def differences(first: dict[Key, Line], last: dict[Key, Line]) -> list[Key]:
    """Per task, the image with which ``first`` is ahead by most points, and that with which ``last`` is, if any."""
    ahead: dict[tuple[str, bool], tuple[float, Key]] = {}
    for key, line in first.items():
        gap = line["verdict"]["points"] - last[key]["verdict"]["points"]
        place = line["task"], gap > 0
        if gap and abs(gap) > ahead.get(place, (0.0, key))[0]:
            ahead[place] = abs(gap), key
    tasks = dict.fromkeys(line["task"] for line in first.values())
    return [ahead[task, sign][1] for task in tasks for sign in (True, False) if (task, sign) in ahead]


def _frame(line: Line, points: Sequence[float]) -> str:
    own = line["verdict"]["points"]
    return CHOSEN if own == max(points) else CUT if own == min(points) else INK


def _noted(draw: ImageDraw.ImageDraw, words: str, x: int, y: int) -> None:
    box = draw.textbbox((x + SIDE - 4, y + SIDE - 4), words, font(TEXT, bold=True), anchor="rb")
    draw.rectangle((box[0] - 4, box[1] - 3, x + SIDE - 1, y + SIDE - 1), fill=BACKGROUND)
    draw.text((x + SIDE - 4, y + SIDE - 4), words, INK, font(TEXT, bold=True), anchor="rb")


def _right(line: Line) -> bool:
    return Verdict(**line["verdict"]).correct


def _framed(sheet: Image.Image, run: RunResults, line: Line, x: int, y: int, frame: str) -> None:
    path = run.folder / line["image"]
    try:
        picture = read_image(path).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    except BenchmarkError:
        raise BenchmarkError(f"{path} cannot be read; check the run with 'bench validate'.") from None
    box = (x - FRAME, y - FRAME, x + SIDE + FRAME - 1, y + SIDE + FRAME - 1)
    ImageDraw.Draw(sheet).rectangle(box, fill=frame)
    sheet.paste(picture, (x, y))
