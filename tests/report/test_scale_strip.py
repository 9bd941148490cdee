import numpy as np
import pytest
import torch
from PIL import Image

from scalingar.core.outputs import Candidate, Cut, PromptResult
from scalingar.report.confidence_plot import confidence_plot
from scalingar.report.contact_sheet import tiles_of
from scalingar.report.figure import png_bytes
from scalingar.report.scale_strip import scale_strip
from scalingar.report.tables import trajectory_table

GRIDS = ((1, 1), (2, 2), (3, 4))
RED = Image.new("RGB", (8, 8), (255, 0, 0))


def candidate(index: int = 0, *, parent: int | None = None, scales: int = 3, reason: str = "") -> Candidate:
    tokens = sum(h * w for h, w in GRIDS[:scales])
    rising = np.linspace(0.1, 0.3, scales, dtype=np.float32) + index
    reward = np.full(scales, np.nan, np.float32)
    reward[1] = 0.5 + index
    return Candidate(
        prompt="$5 for a dog",
        index=index,
        codes=torch.zeros(tokens, 2, dtype=torch.long),
        cut=Cut(scales, reason) if reason else None,
        signals={},
        trace={"C": rising, "entropy": rising[::-1].copy(), "reward": reward},
        parent=parent,
        born=0 if parent is None else 2,
        inherited=0 if parent is None else sum(h * w for h, w in GRIDS[:2]),
        rewards={} if reason else {"redness": 1.0 + index},
    )


def result() -> PromptResult:
    return PromptResult(
        "a dog", 0, [candidate(), candidate(1, scales=2, reason="not drawn"), candidate(2, parent=0)], 0
    )


def test_a_picture_per_scale_over_its_entropy() -> None:
    figure = scale_strip(candidate(), [RED] * 3, GRIDS)
    *pictures, below = figure.axes
    assert [axes.get_title() for axes in pictures] == ["1 x 1", "2 x 2", "3 x 4"]
    np.testing.assert_array_equal(below.lines[0].get_ydata(), candidate().trace["entropy"])
    assert png_bytes(figure).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="2 images and 3 entropies do not fit 3 scales"):
        scale_strip(candidate(), [RED] * 2, GRIDS)


def test_the_plot_shows_rewards_and_a_copy_from_its_birth() -> None:
    upper, lower = confidence_plot(result()).axes
    assert (lower.get_xlabel(), lower.get_ylabel()) == ("scales done", "reward")
    lines = [np.asarray(line.get_xdata()).tolist() for line in upper.lines if line.get_marker() != "x"]
    assert lines == [[1, 2, 3], [1, 2], [2, 3]]
    assert [np.asarray(line.get_ydata()).tolist() for line in lower.lines[:2]] == [[0.5], [1.5]]


def test_tables_and_tiles_say_whose_copy_it_is_and_what_was_scored() -> None:
    table = trajectory_table(result())
    cells = {str(column.header): list(column.cells) for column in table.columns}
    assert cells["copy of"] == ["", "", "#0 from scale 2"]
    assert cells["tokens"] == ["17", "5", "12"], "a copy costs what it draws itself"
    assert cells["redness"] == ["1.000", "1.500", "3.000"]
    assert cells["fate"][1] == "cut at scale 2: not drawn"
    captions = [tile.caption for tile in tiles_of(result(), lambda _: RED)]
    assert captions[1] == "cut at scale 2 · C 1.300 · reward 1.500\nnot drawn"
    assert captions[2] == "finished · C 2.300 · redness 3.000\ncopy of #0 from scale 2"
