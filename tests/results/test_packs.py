"""A packed run scores what the run scored; a page holds what is computed for it."""

import json
from pathlib import Path

import pytest

from results.__main__ import blocks, pages
from results.odd_prompts import EACH, lines, partners
from results.packs import pack, unpack
from results.page import filled, names
from results.runs import COMPLETE, DATA, ROOT
from scalingar.bench.runs.opened import benchmark_of
from scalingar.bench.runs.results import read_results

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


def test_pages_hold_what_is_computed() -> None:
    computed = blocks()
    shown = [name for page in pages() for name in names(page.read_text())]
    assert {"summary", "next-token", "scaling", "verdicts"} <= set(shown)
    for page in pages():
        text = page.read_text()
        assert filled(text, computed) == text, f"{page} is not what `make results` writes"


def test_odd_prompts_are_as_written() -> None:
    pairs = partners()
    assert len(pairs) == 3 * EACH
    for name, place in (("plain", 0), ("odd", 1)):
        assert (ROOT / "recipes" / "prompts" / f"{name}.jsonl").read_text() == lines([pair[place] for pair in pairs])
    assert all(plain.prompt != odd.prompt and plain.tag == odd.tag for plain, odd in pairs)
