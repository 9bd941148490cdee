import threading
import warnings
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from scalingar.cli import progress
from scalingar.cli.progress import follow, loading, plain_warnings
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


def test_a_long_load_says_what_it_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    told, texts = threading.Event(), []

    def say(text: str, **_: bool) -> None:
        texts.append(text)
        told.set()

    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "say", say)
    with loading("some/model"):
        assert told.wait(10)
    assert texts == ["loading some/model …"]


def test_a_short_or_silenced_load_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with loading("some/model"):
        pass
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with loading("some/model", visible=False):
        pass
    assert capsys.readouterr() == ("", "")
