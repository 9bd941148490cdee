import sys
from pathlib import Path

import numpy as np
import pytest

from scalingar.cli.main import main
from scalingar.doctor import environment
from tests.upstream import reference

FILTER = str(reference.GOLDEN / "llamagen_filter.npz")


def test_a_healthy_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "torch" in out
    assert "decode an image on cpu" in out
    monkeypatch.setattr(environment, "embedded_folder", lambda kind: tmp_path / "none")
    assert main(["doctor"]) == 1


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    main(["doctor"])
    told = " ".join(capsys.readouterr().out.split())
    assert "missing openai: pip install 'openai<4,>=3.54' (the extra judge of scalingar)" in told


def test_files_that_agree(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--golden", FILTER, str(reference.GOLDEN / "basic" / "filter.npz")]) == 0
    out = capsys.readouterr().out
    assert "filt_k20_p0.5" in out
    assert "exact" in out
    assert "everything agrees" in out


def test_a_file_that_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(FILTER) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["filt_k10_p1.0"][0] -= 1
    np.savez(tmp_path / "x.npz", **arrays, mystery=np.zeros(1))
    assert main(["doctor", "--golden", str(tmp_path / "x.npz"), "--golden", FILTER]) == 1
    out = capsys.readouterr().out
    assert "DIFFERS" in out
    assert "mystery is in the file, but nothing compares it" in out
    assert "NOT everything agrees" in out


def test_a_file_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--golden", str(tmp_path / "x.npz")]) == 1
    assert "cannot be read as golden data" in capsys.readouterr().err
