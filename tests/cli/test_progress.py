import threading
import warnings
from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scalingar.cli import progress
from scalingar.cli.plain_warnings import plain_warnings
from scalingar.cli.progress import follow, loading, looks_with
from scalingar.cli.run import decode
from scalingar.cli.terminal import say
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies.build_strategy import build_strategy
from scalingar.strategies.engine.step_event import StepEvent
from tests.tiny.pipes import PROMPT, tiny_pipe


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


def test_what_a_strategy_looks_with_is_named() -> None:
    assert looks_with(build_strategy({"name": "tts-var", "reward": "clip-score", "feature": "dinov2"})) == (
        "the reward clip-score, the feature dinov2"
    )
    assert looks_with(build_strategy("single")) == ""


def test_a_text_encoder_and_a_reward_that_take_long_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    pipe, asked = tiny_pipe(), Event()
    encode = pipe.encode_prompts

    class Slow:
        path = "some/t5"

        def __call__(self, prompts: list[str]) -> Any:
            assert asked.wait(timeout=60)
            return encode(prompts)

    def said(text: str, **where: Any) -> None:
        say(text, **where)
        asked.set()

    monkeypatch.setattr(progress, "say", said)
    pipe.encode_prompts = Slow()
    recipe = Recipe(
        prompt=PROMPT, strategy=build_strategy({"name": "best-of-n", "num_trajectories": 2, "reward": "pmi"})
    )
    output = decode(pipe, recipe, visible=True)
    assert len(output.candidates[0]) == 2
    assert capsys.readouterr().err == "loading the text encoder some/t5, the reward pmi …\n"


def test_a_short_or_silenced_load_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with loading("some/model"):
        pass
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with loading("some/model", visible=False):
        pass
    assert capsys.readouterr() == ("", "")
