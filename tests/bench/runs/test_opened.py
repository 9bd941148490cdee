"""A run is opened from any folder; where its files have gone is asked in one sentence."""

import json
from pathlib import Path

import pytest

from results.packs import unpack
from results.runs import DATA
from scalingar.bench.runs.opened import benchmark_of
from scalingar.core.errors import BenchmarkError

PACK = DATA / "odd" / "scaling-ar-v3.tar.xz"


def test_files_that_were_moved_are_asked_for(tmp_path: Path) -> None:
    run = unpack(PACK, tmp_path)
    assert benchmark_of(run).items()
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
