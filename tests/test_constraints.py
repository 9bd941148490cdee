"""Everything that an extra asks for is pinned, to a version that it takes."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = {
    canonicalize_name(requirement.name): requirement
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if (requirement := Requirement(line))
}
ASKED = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}


@pytest.mark.parametrize("extra", ASKED, ids=lambda extra: extra or "none")
def test_what_an_extra_asks_for_is_pinned(extra: str) -> None:
    for requirement in map(Requirement, ASKED[extra]):
        if (name := canonicalize_name(requirement.name)) == PROJECT["name"]:
            continue
        assert name in PINNED, f"{requirement} of the extra {extra!r} has no line in constraints.txt"
        (pin,) = PINNED[name].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"constraints.txt pins {PINNED[name]}, wanted {requirement}"
