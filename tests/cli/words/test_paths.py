from pathlib import Path

import pytest

from scalingar.cli.main import analyze, app, bench
from scalingar.cli.words.empty import WithoutEmptyValues
from scalingar.cli.words.paths import takes_paths
from scalingar.core.errors import ConfigError


def test_a_home_is_found_in_every_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    given = takes_paths(lambda **arguments: arguments)(a=Path("~/a"), b=[Path("~/b"), Path("c")], c="~/c", d=None, e=3)
    assert given == {"a": Path("/home/me/a"), "b": [Path("/home/me/b"), Path("c")], "c": "~/c", "d": None, "e": 3}
    with pytest.raises(ConfigError, match="~nobody-of-this-name/x cannot be found: there is no home"):
        takes_paths(lambda **_: None)(a=Path("~nobody-of-this-name/x"))


def test_every_command_takes_paths() -> None:
    for group in (app, bench, analyze):
        for command in group.registered_commands:
            assert command.callback is not None
            assert command.callback.__code__ is takes_paths(print).__code__
            assert command.cls is WithoutEmptyValues
