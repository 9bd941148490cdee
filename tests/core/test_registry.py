"""Names to things."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from scalingar.core.errors import ConfigError
from scalingar.core.registry import Registry, ReplacedWarning
from scalingar.rewards.reward import scoring


def test_a_name_is_given_once_and_a_wrong_one_gets_a_suggestion() -> None:
    things: Registry[int] = Registry("numbers")
    things.register("one")(1)
    with pytest.raises(ConfigError, match="the numbers name 'one' is registered twice"):
        things.register("one")(2)
    with pytest.raises(ConfigError, match="'oen' is not among the numbers; did you mean 'one'"):
        things["oen"]
    with pytest.raises(ConfigError, match="'ONE' is not among the numbers; did you mean 'one'"):
        things["ONE"]


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


def defined(module: str, name: str = "Mine") -> type:
    return type(name, (), {"__module__": module, "__qualname__": name})


def test_a_cell_that_is_run_again_replaces_what_it_registered() -> None:
    things: Registry[type] = Registry("things")
    first, second = defined("__main__"), defined("__main__")
    things.register("mine")(first)
    with pytest.warns(ReplacedWarning, match="'mine' among the things is replaced by its new definition"):
        things.register("mine")(second)
    assert things["mine"] is second
    assert things.replaced == 1


@pytest.mark.parametrize("other", [defined("__main__", "Other"), defined("package"), 3])
def test_only_the_same_definition_is_run_again(other: object) -> None:
    things: Registry[object] = Registry("things")
    things.register("mine")(defined("__main__"))
    with pytest.raises(ConfigError, match="registered twice"):
        things.register("mine")(other)
    packaged: Registry[object] = Registry("things")
    packaged.register("mine")(defined("package"))
    with pytest.raises(ConfigError, match="registered twice"):
        packaged.register("mine")(defined("package"))


def test_a_function_made_into_something_is_known_by_the_function() -> None:
    rewards: Registry[object] = Registry("rewards")

    def cell() -> None:
        def brightness(prompt: str, images: list[object]) -> list[float]:
            return [1.0]

        brightness.__module__ = "__main__"
        rewards.register("brightness")(scoring(brightness))  # type: ignore[arg-type]

    cell()
    with pytest.warns(ReplacedWarning):
        cell()
