"""A run is opened from any folder; where its files have gone is asked in one sentence."""

import json
from pathlib import Path

import pytest

from results.packs import unpack
from results.runs import DATA
from scalingar.bench.runs.opened import benchmark_of, opened
from scalingar.core.errors import BenchmarkError, WeightsError

PACK = DATA / "odd" / "scaling-ar-v3.tar.xz"


def test_a_run_is_read_where_its_judge_is_not(tmp_path: Path) -> None:
    """Drawn and judged on another machine: neither its weights nor its classifier's are here."""
    run = unpack(PACK, tmp_path)
    before = opened(run)
    plan = json.loads((run / "plan.json").read_text())
    plan["settings"] |= {"detector": "hf-mask2former", "colors": "clip"}
    plan["files"] |= {"detector_source": "/gone/detector", "colors_source": "/gone/clip"}
    (run / "plan.json").write_text(json.dumps(plan))
    read = opened(run)
    assert read.summary.overall == before.summary.overall
    assert read.summary.label == "GenEval (HF detector)"
    with pytest.raises(WeightsError, match="/gone/detector"):
        benchmark_of(run).prepare()


def test_files_that_were_moved_are_asked_for(tmp_path: Path) -> None:
    run = unpack(PACK, tmp_path)
    plan = json.loads((run / "plan.json").read_text())
    gone = tmp_path / "gone.jsonl"
    plan["files"] = {"prompts": str(gone)}
    (run / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(BenchmarkError) as raised:
        benchmark_of(run)
    assert str(raised.value) == (
        f"{run} was made with prompts={gone}, which is not there; give the command that began it again, with the new "
        "place and the same folder: nothing is drawn again."
    )
