"""The server's benchmark counts what it sent, and ends with an empty batch."""

import re

import pytest

from scalingar.strategies.engine.open_engine import OpenEngine
from speed.serve import main, quantiles
from tests.serve.running import tiny_offer


def test_quantiles() -> None:
    for most, median, high in (100, "50.500", "95.000"), (20, "10.500", "19.000"), (1, "1.000", "1.000"):
        assert quantiles([float(n) for n in range(1, most + 1)]) == f"p50 {median}  p95 {high}"


def test_smallest_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("scalingar.serve.start.load_offer", lambda *_: tiny_offer(usual={"strategy": "random-of-n"}))
    monkeypatch.setattr(OpenEngine, "step", OpenEngine.step)  # put back afterwards
    options = ["--at-once", "2", "--requests", "10", "--abuse", "6", "--broken", "1"]
    monkeypatch.setattr("sys.argv", ["serve", *options])
    main()
    told = capsys.readouterr().out
    assert "same pictures: 2 of 2" in told
    assert re.search(r"of 8: \{'200': 4, '400': 1, '413': 1, 'hang up': 2\}; 0 rows left, 0 requests left", told)
