"""What reaches a terminal."""

import io
import sys
from pathlib import Path

import pytest
from rich.table import Table

from scalingar.cli.main import main
from scalingar.cli.terminal import SafeConsole, can_write, say


def test_control_characters_are_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    say("a \x1b[2J dog")
    say(Path("\x1b"), to_stderr=True)
    assert capsys.readouterr() == ("a \\x1b[2J dog\n", "\\x1b\n")


def test_a_console_colours_only_by_itself() -> None:
    screen = SafeConsole(file=io.StringIO(), force_terminal=True, color_system="truecolor", markup=False)
    table = Table()
    table.add_row("evil \x1b]0;title\x07", style="red")
    screen.print(table)
    screen.print("more \x1b[31m evil", style="bold")
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "evil \\x1b]0;title" in shown
    assert "\x1b]" not in shown
    assert "more \\x1b" in shown
    assert "\x1b[31m evil" not in shown


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-8"])
def test_any_encoding_will_do(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    assert can_write("a dog")
    assert can_write("\u72d7") == (encoding == "utf-8")
    assert main(["ls", "strategies"]) == 0
    assert main(["generate", "\u72d7", "--print-config"]) == 0
    out.flush()
    written = out.buffer.getvalue()
    assert ("\u72d7".encode() in written) == (encoding == "utf-8")
    assert (b'prompt: "\\u72D7"' in written) == (encoding != "utf-8")


def test_errors_are_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--config", "\x1b[2J.yaml"]) == 1
    assert main(["generate", "a dog", "se\x1bad=1"]) != 0
    assert main(["generate", "a dog", "a\x1bb"]) != 0
    assert "\x1b" not in capsys.readouterr().err
