"""The bar of a run moves while a shard is drawn, and says what was saved."""

from pathlib import Path

import pytest

from scalingar.cli.bench import follow as module
from scalingar.cli.bench.follow import follow
from tests.bench.runs.test_runner import runner


def test_the_bar_moves_within_a_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    seen: list[float] = []

    class Line(module._Line):
        def under_way(self, shard: int, images: float) -> None:
            super().under_way(shard, images)
            seen.append(self._now())

    monkeypatch.setattr(module, "_Line", Line)
    run = runner(tmp_path / "run", "scaling-ar")
    total = follow(run, "label")
    assert seen == sorted(seen)
    assert len({number for number in seen if number % 1}) > 3  # between whole images
    assert seen[-1] <= total
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{total}/{total}" in err
    assert "of tokens saved" in err


def test_nothing_is_watched_where_nobody_looks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = runner(tmp_path / "run", "single")
    assert follow(run, "label") > 0
    assert follow(run, "label") > 0  # all is there
    assert capsys.readouterr() == ("", "")
