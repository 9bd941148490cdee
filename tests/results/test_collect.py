"""Folders of runs, as the commands on the pages leave them, become the packs that the pages are computed from."""

import shutil
from pathlib import Path

import pytest

from results.collect import GROUPS, collect
from results.packs import SUFFIX, unpack
from results.runs import DATA

SMALL = DATA / "verifier" / f"halving-5{SUFFIX}"


def test_every_folder_of_packs_has_its_runs() -> None:
    packed = {pack.parent.name for pack in DATA.glob(f"*/*{SUFFIX}")}
    assert packed <= set(GROUPS.values())


def test_finished_runs_are_packed_or_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, data = tmp_path / "runs", tmp_path / "data"
    run = unpack(SMALL, runs / "verifier")
    shutil.copytree(run, runs / "verifier-8" / "best-of-n")
    shutil.copytree(run, runs / "guidance" / "1.5" / "single")
    shutil.copytree(run, runs / "mine" / "single")
    shutil.copytree(run, runs / "rivals" / "unfinished")
    (runs / "rivals" / "unfinished" / "results.json").unlink()
    collect(runs, data)
    found = {str(pack.relative_to(data)) for pack in data.glob(f"*/*{SUFFIX}")}
    names = {"verifier/halving-5", "verifier-budget/best-of-8", "guidance/1.5-single"}
    assert found == {f"{name}{SUFFIX}" for name in names}
    assert f"{runs / 'mine' / 'single'}: on no page, not packed" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no-runs is no folder"):
        collect(tmp_path / "no-runs")
