"""A packed run scores what the run scored; a page holds what is computed for it."""

import json
from pathlib import Path

import pytest

from results import rivals
from results.__main__ import blocks, pages
from results.odd_prompts import EACH, lines, partners
from results.packs import pack, unpack
from results.page import filled, names
from results.runs import COMPLETE, DATA, ROOT, Group, group
from results.tables import difference, looks_told, told
from scalingar.bench.runs.opened import benchmark_of
from scalingar.bench.runs.results import read_results
from scalingar.report.figure import png_bytes

PACKED = DATA / "next-token" / f"{COMPLETE}.tar.xz"


def test_a_packed_run_scores_what_the_run_scored(tmp_path: Path) -> None:
    run = unpack(PACKED, tmp_path / "once")
    told = json.loads((run / "results.json").read_text())["scores"]
    results = read_results(run, benchmark_of(run))
    assert results.summary.overall.value == pytest.approx(told["overall"]["value"])
    again = unpack(pack(run, tmp_path, run.name), tmp_path / "twice")
    for name in ("samples.jsonl", "plan.json", "results.json"):
        assert (again / name).read_bytes() == (run / name).read_bytes()
    assert read_results(again, benchmark_of(again)).costs == results.costs


def test_blocks_are_replaced_and_nothing_else() -> None:
    page = "# Title\n\n<!-- computed: one -->\nold\n<!-- end -->\n\ntext\n"
    assert names(page) == ["one"]
    assert filled(page, {"one": "new"}) == "# Title\n\n<!-- computed: one -->\n\nnew\n\n<!-- end -->\n\ntext\n"
    with pytest.raises(KeyError, match="one"):
        filled(page, {})
    unclosed = "<!-- computed: two -->\nold\n\ntext\n\n" + page
    assert names(unclosed) == ["one"]
    with pytest.raises(ValueError, match="of 2 blocks only one have an end"):
        filled(unclosed, {"one": "new"})


def test_pages_hold_what_is_computed() -> None:
    computed = blocks()
    shown = [name for page in pages() for name in names(page.read_text())]
    assert {"summary", "next-token", "scaling", "verdicts"} <= set(shown)
    for page in pages():
        text = page.read_text()
        assert filled(text, computed) == text, f"{page} is not what `make results` writes"


def test_rivals_stand_beside_what_costs_as_much() -> None:
    with group("next-token", "budget") as runs:
        names = {
            "best-of-4": "best-of-4",
            "stop-when-good-4": "threshold",
            "beam-4": "patience-3",
            "beam-8": "best-of-8",
        }
        there = Group(runs.folder, {name: runs[run] for name, run in names.items()})
        lines = rivals.table(there).splitlines()[2:]
        gap = told(difference(runs["best-of-4"], runs["patience-3"]))
        assert png_bytes(rivals.figure(there))
    titles = [line.split(" | ")[0].strip("| ") for line in lines]
    assert titles[0] == "best of 4 (reward) at 4 images' tokens"
    assert titles[1:] == [
        f"{name} at {n} images' tokens"
        for name, n in (("stop when good (ours)", 4), ("beam (SoTo)", 4), ("beam (SoTo)", 8))
    ]
    assert lines[0].split(" | ")[2] == "", "not against itself"
    assert lines[2].split(" | ")[2] == gap
    assert lines[3].split(" | ")[2:4] == ["", ""], "its baseline is not there"


def test_looks_are_pictures_that_somebody_was_asked_about() -> None:
    """Not the one that is only handed out, and not a description of latents."""
    with group("verifier-next-scale", also={"by-confidence": "next-scale/by-confidence"}) as runs:
        told = {name: looks_told(runs[name], digits=0) for name in runs.runs}
    assert told["verifier-of-8"] == told["tts-var-verifier-2"] == "0"
    assert told["halving-4-reward"] == "3"
    assert told["by-confidence"] == "28"


def test_odd_prompts_are_as_written() -> None:
    pairs = partners()
    assert len(pairs) == 3 * EACH
    for name, place in (("plain", 0), ("odd", 1)):
        assert (ROOT / "docs" / "data" / "prompts" / f"{name}.jsonl").read_text() == lines(
            [pair[place] for pair in pairs]
        )
    assert all(plain.prompt != odd.prompt and plain.tag == odd.tag for plain, odd in pairs)
