"""Runs of a benchmark on the page: the table, which images are shown, and folders that hold none."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from scalingar.bench.runs.opened import opened
from scalingar.bench.runs.results import RunResults
from scalingar.core.errors import BenchmarkError
from scalingar.serve.studio.tabs.runs import ALL, ANY, ONLY, RIGHT, WRONG, Runs, selected
from tests.serve.studio.made import right_and_wrong, tab


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with right_and_wrong(tmp_path_factory.mktemp("runs")) as folder:
        yield folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[RunResults]:
    return [opened(folder / name) for name in ("scaling-ar", "single")]


def test_images_by_task_and_verdict(runs: list[RunResults]) -> None:
    everything = selected(runs, "single", ALL, ANY)
    assert len(everything) == 10
    counts = {run.name: [len(selected(runs, run.name, ALL, which)) for which in (RIGHT, WRONG)] for run in runs}
    assert counts == {"single": [0, 10], "scaling-ar": [10, 0]}
    assert {entry.line["task"] for entry in selected(runs, "single", "two", ANY)} == {"two"}


def test_only_this_one_right_comes_with_the_others(runs: list[RunResults]) -> None:
    assert selected(runs, "single", ALL, ONLY) == [], "the other run is right about everything"
    alone = selected(runs, "scaling-ar", ALL, ONLY)
    assert len(alone) == 10
    assert [other.run.name for other in alone[0].others] == ["single"]
    assert alone[0].others[0].line["id"] == alone[0].line["id"]


def test_the_page(folder: Path) -> None:
    tab_of_runs = tab(Runs, folder)
    table, filters, run, task, _ = asyncio.run(tab_of_runs.read(None))
    for told in ("against scaling-ar", "tokens/image", "±", "["):
        assert told in table
    assert filters["visible"]
    assert (run["choices"], run["value"], task["choices"]) == (
        ["scaling-ar", "single"],
        "scaling-ar",
        [ALL, "one", "two"],
    )
    shown = asyncio.run(tab_of_runs.gallery("single", "one", ANY, 1))
    assert "6 images, page 1 of 1" in shown
    assert shown.count("<figure") == 6
    assert "data:image/png" in shown
    assert "there is no run &#x27;other&#x27;" in asyncio.run(tab_of_runs.gallery("other", ALL, ANY, 1))
    assert "page 1 of 1" in asyncio.run(tab_of_runs.gallery("single", ALL, ANY, 99))


def test_a_folder_that_holds_none(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="holds no run; give a folder written by 'bench run'"):
        tab(Runs, tmp_path)
    tab(Runs, None)


def test_a_damaged_run_is_told_without_where_it_lies(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "single").mkdir(parents=True)
    for name in ("plan.json", "costs.jsonl"):
        (tmp_path / "mine" / "single" / name).write_bytes((folder / "single" / name).read_bytes())
    said = asyncio.run(tab(Runs, tmp_path / "mine").read(None))[0]
    assert 'role="alert"' in said
    assert str(tmp_path) not in said


def test_pictures_stay_inside_the_run(runs: list[RunResults]) -> None:
    entry = selected(runs, "single", ALL, ANY)[0]
    entry.line["image"] = "../../secret.png"
    with pytest.raises(BenchmarkError, match="is no path inside a folder of images"):
        _ = entry.picture
