"""A model without weights to load can be timed too."""

import sys

import pytest

from scalingar.models.llamagen.config import SIZES
from speed.generate import main, random_llamagen
from tests.tiny import llamagen as tiny


def test_a_random_model_draws() -> None:
    output = random_llamagen(tiny.CLASS_CONFIG)(["one", "two"], strategy="scaling-ar", num_trajectories=3, seed=0)
    assert [len(result.candidates) for result in output.results] == [3, 3]
    assert output.images[0].size == (64, 64)


def test_every_strategy_has_a_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(SIZES, "B", (1, 2, 32))
    monkeypatch.setattr(sys, "argv", ["generate", "--size", "B", "--grid", "2", "--repeats", "1"])
    main()
    out = capsys.readouterr().out
    assert "random LlamaGen, 1 layers of 32" in out
    rows = [line.split() for line in out.splitlines() if line.endswith("%")]
    codes = {row[0]: int(row[2]) for row in rows}
    assert codes["single"] == 4
    assert codes["random-of-n"] == codes["most-confident-of-n"] == 32
    assert codes["scaling-ar"] <= 32
