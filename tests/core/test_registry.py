"""Names to things."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from scalingar.core.errors import ConfigError
from scalingar.core.registry import Registry


def test_a_name_is_given_once_and_a_wrong_one_gets_a_suggestion() -> None:
    things: Registry[int] = Registry("numbers")
    things.register("one")(1)
    with pytest.raises(ConfigError, match="the numbers name 'one' is registered twice"):
        things.register("one")(2)
    with pytest.raises(ConfigError, match="'oen' is not among the numbers; did you mean 'one'"):
        things["oen"]


def test_for_a_while() -> None:
    things: Registry[int] = Registry("numbers")
    things.register("one")(1)
    with things.temporarily("one", 11), things.temporarily("two", 2):
        assert (things["one"], things["two"], list(things)) == (11, 2, ["one", "two"])
    assert (things["one"], list(things)) == (1, ["one"])


def test_modules_are_imported_when_somebody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_of_numbers.py").write_text("from module_with_things import things\nthings.register('two')(2)\n")
    (tmp_path / "module_with_things.py").write_text(
        "from scalingar.core.registry import Registry\nthings = Registry('numbers', modules=('module_of_numbers',))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    things = import_module("module_with_things").things
    assert "module_of_numbers" not in sys.modules
    assert things["two"] == 2
