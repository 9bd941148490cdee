"""Which images of two runs are shown, and what their frames say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scalingar.bench.runs.results import RunResults, read_results
from scalingar.bench.runs.side_by_side import FRAME, SIDE, disagreements, pictures
from scalingar.core.errors import BenchmarkError
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, plan, runner_of
from tests.tiny.pipes import tiny_pipe


def line(task: str, points: float) -> dict[str, object]:
    return {"task": task, "verdict": {"points": points, "total": 1.0, "reason": "", "details": {}}}


def test_of_each_task_the_first_image_either_way() -> None:
    first = {("a", 0): line("one", 1), ("a", 1): line("one", 1), ("b", 0): line("one", 0), ("c", 0): line("two", 0)}
    last = {("a", 0): line("one", 1), ("a", 1): line("one", 0), ("b", 0): line("one", 1), ("c", 0): line("two", 1)}
    assert disagreements(first, last) == [("a", 1), ("b", 0), ("c", 0)]
    assert disagreements(first, first) == []


def results(folder: Path, strategy: str, threshold: float) -> RunResults:
    pipe = tiny_pipe()
    run = runner_of(pipe, Bright(threshold), plan(pipe, strategy), folder)
    finish(run)
    return read_results(folder, run.benchmark)


def test_right_is_framed_blue_and_wrong_red(tmp_path: Path) -> None:
    strict, lenient = results(tmp_path / "strict", "single", 255.0), results(tmp_path / "lenient", "scaling-ar", 0.0)
    sheet = np.asarray(pictures([strict, lenient]))
    assert (sheet == (0xC2, 0x41, 0x0C)).all(-1).sum() == 2 * ((SIDE + 2 * FRAME) ** 2 - SIDE**2)
    assert (sheet == (0x1D, 0x6F, 0xDC)).all(-1).sum() == 2 * ((SIDE + 2 * FRAME) ** 2 - SIDE**2)
    first = next(sample for sample in lenient.samples if sample["id"] == "000")
    with Image.open(lenient.folder / first["image"]) as file:
        shown = np.asarray(file.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    wide = np.lib.stride_tricks.sliding_window_view(sheet, (1, SIDE, 3))[:, :, 0, 0]
    assert (wide == shown[0]).all((-1, -2)).any()


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    run = results(tmp_path / "one", "single", 0.0)
    with pytest.raises(BenchmarkError, match="a run alone cannot be compared; give two or more"):
        pictures([run])
    with pytest.raises(BenchmarkError, match="right about the same images"):
        pictures([run, run])
    other = results(tmp_path / "other", "single", 255.0)
    fewer = replace(run, samples=run.samples[1:])
    for pair in ([run, fewer], [fewer, run]):
        with pytest.raises(BenchmarkError, match="has other prompts than"):
            pictures(pair)
    (other.folder / other.samples[0]["image"]).write_bytes(b"")
    with pytest.raises(BenchmarkError, match="cannot be read; check the run with 'bench validate'"):
        pictures([run, other])
