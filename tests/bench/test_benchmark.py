"""What every benchmark shares: tables of verdicts, completeness, weights, folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pytest
import torch
from PIL import Image

from scalingar.bench.benchmark import (
    Benchmark,
    BenchmarkSettings,
    Item,
    Judged,
    Verdict,
    check_judged,
    score_table,
)
from scalingar.bench.statistics import ScoreTable
from scalingar.core.errors import BenchmarkError

ITEMS = [Item("x", "p", "a"), Item("y", "q", "a"), Item("z", "r", "b")]


class Toy(Benchmark):
    """Asks nobody."""

    label, version = "toy", "1"
    settings = BenchmarkSettings

    @classmethod
    def build(cls, settings: Any, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        return cls()

    def items(self) -> list[Item]:
        return ITEMS

    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        return [Verdict(1.0) for _ in images]

    @classmethod
    def weights(cls, table: ScoreTable) -> dict[str, float]:
        return {"a": 0.25, "b": 0.75}


def judged(**points: list[float]) -> list[Judged]:
    by_id = {item.id: item for item in ITEMS}
    return [Judged(by_id[key], n, Verdict(p)) for key, each in points.items() for n, p in enumerate(each)]


def test_points_are_summed_by_prompt() -> None:
    table = score_table([*judged(x=[1, 0], z=[1]), Judged(ITEMS[1], 0, Verdict(2, 5))])
    assert table.prompts == ("x", "z", "y")
    assert table.tasks == ("a", "b", "a")
    assert table.correct.tolist() == [1, 1, 2]
    assert table.total.tolist() == [2, 1, 5]


def test_the_overall_score_is_weighted() -> None:
    summary = Toy().summary(judged(x=[1], y=[0], z=[1]))
    assert summary.overall.value == 0.875
    assert summary.overall.standard_error is None
    assert (summary.label, summary.further) == ("toy", {})


def test_incomplete_runs_are_named() -> None:
    check_judged(ITEMS, judged(x=[1], y=[0], z=[1]), 1)
    with pytest.raises(BenchmarkError, match=r"0 of z is not scored; image 1 of x is none of this run\. Give the"):
        check_judged(ITEMS, judged(x=[1, 1], y=[0]), 1)
    with pytest.raises(BenchmarkError, match="image 0 of x is scored 2 times"):
        check_judged(ITEMS, [*judged(x=[1], y=[0], z=[1]), *judged(x=[1])], 1)


def test_folders(tmp_path: Path) -> None:
    for item in ITEMS[:2]:
        path = tmp_path / Toy().image_path(item, 0)
        path.parent.mkdir()
        path.touch()
    assert Toy().find_images(tmp_path, ITEMS[:2], 1)["y"] == (tmp_path / "y" / "0000.png",)
    with pytest.raises(BenchmarkError, match=r"is not complete: z/0000.png is missing\. Nothing was scored"):
        Toy().find_images(tmp_path, ITEMS, 1)


def test_verdicts() -> None:
    assert Verdict(1.0).correct
    assert not Verdict(2, 3).correct
    assert Verdict(3, 3).correct
