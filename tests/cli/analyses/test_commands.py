from pathlib import Path

import numpy as np
import pytest

from scalingar.cli.main import main
from tests.analysis.made_up_runs import write_made_up


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    points = (np.random.default_rng(0).random((8, 2)) > 0.5).astype(float)
    return write_made_up(tmp_path / "run", points)


def test_a_sweep_is_printed_and_written(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--parameter", "gate.quantile", "--values", "0.1,0.5", "gate.warmup_fraction=0.25"]
    assert main(["analyze", "sweep", str(folder), *words, "-o", str(tmp_path / "out")]) == 0
    printed, told = capsys.readouterr()
    assert printed == (tmp_path / "out" / "sweep-gate-quantile.md").read_text()
    assert "gate.warmup_fraction = 0.25" in printed
    assert told.count("wrote") == 3


def test_a_second_table_is_kept_beside_the_first(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for values in ("0.1,0.5", "0.2,0.4", "0.2,0.4"):
        words = ["--parameter", "gate.quantile", "--values", values, "-o", str(tmp_path / "out")]
        assert main(["analyze", "sweep", str(folder), *words]) == 0
        printed.append(capsys.readouterr().out)
    assert [(tmp_path / name / "sweep-gate-quantile.md").read_text() for name in ("out", "out-2")] == printed[:2]
    assert not (tmp_path / "out-3").exists()


def test_runs_are_derived_under_their_labels(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--strategy", "single,pmi-of-n", "-o", str(tmp_path / "out")]
    assert main(["analyze", "derive", str(folder), *words]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "out" / name) for name in ("single", "pmi-of-n")]


def test_a_run_that_does_not_serve_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "signals", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
