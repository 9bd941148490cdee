import warnings
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from scalingar.cli.progress import follow, plain_warnings
from scalingar.strategies.engine.step_event import StepEvent


def events() -> list[StepEvent]:
    values = {"C": np.zeros(2, np.float32)}
    first = StepEvent(0, 0, 2, [0, 1], {1: "why"}, lambda: values, list, lambda _: Image.new("RGB", (8, 8)))
    return [first, replace(first, position=1, indices=[0], cut={})]


def test_following_reads_to_the_end_and_stays_off_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    source = iter(events())
    follow(source, visible=True)
    assert next(source, None) is None
    assert capsys.readouterr() == ("", "")


def test_the_bar_shows_steps_and_survivors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    follow(events(), visible=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "2/2" in err
    assert "1 of 2 alive" in err


def test_a_warning_is_a_line_and_comes_once(capsys: pytest.CaptureFixture[str]) -> None:
    before = warnings.showwarning
    with plain_warnings():
        for _ in range(2):
            warnings.warn("two\n  lines", UserWarning, stacklevel=1)
        warnings.warn("another", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: two lines\nwarning: another\n"
    assert warnings.showwarning is before
