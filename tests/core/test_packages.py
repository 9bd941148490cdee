"""Packages that only some things need."""

import sys
from importlib.metadata import PackageNotFoundError

import pytest

from scalingar.core import packages
from scalingar.core.errors import PackageError
from scalingar.core.packages import how_to_install, missing, require


def test_what_is_missing_is_named_with_a_command_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    require("captions", "t5")
    for name in ("bs4", "sentencepiece"):
        monkeypatch.setitem(sys.modules, name, None)
    assert missing("t5") == ["sentencepiece", "bs4"]
    with pytest.raises(PackageError, match="captions needs sentencepiece, bs4, which are not installed; pip install "):
        require("captions", "t5")
    require("captions", "t5", "transformers")
    lines = ["torch>=2.6", "openai<4,>=3.54; extra == 'judge'", 'ftfy>=6; extra == "t5"']
    monkeypatch.setattr(packages, "requires", lambda name: lines)
    assert how_to_install("judge") == "pip install 'openai<4,>=3.54' (the extra judge of scalingar)"
    assert how_to_install("t5") == "pip install 'ftfy>=6' (the extra t5 of scalingar)"


def test_a_source_without_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "requires", unknown)
    assert how_to_install("glm") == "pip install diffusers transformers (the extra glm of scalingar)"
