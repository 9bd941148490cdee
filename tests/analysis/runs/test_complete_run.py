"""A complete run is read as arrays, and one that is not complete says so in a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.bench.runs.results import RESULTS
from scalingar.bench.runs.store import SAMPLES
from scalingar.core.errors import BenchmarkError
from scalingar.strategies.build_strategy import build_strategy
from tests.analysis.made_up_runs import decode, write_made_up

POINTS = np.array([[1, 0], [0, 0], [1, 1], [0, 1]], dtype=float)


def test_arrays_follow_the_lines(tmp_path: Path) -> None:
    reward = np.arange(8.0).reshape(4, 2)
    folder = write_made_up(tmp_path / "run", POINTS, rewards={"embedded": reward}, images_per_prompt=2)
    run = CompleteRun.read(folder)
    assert (run.name, run.images, run.trajectories, run.steps) == ("run", 4, 2, 12)
    assert run.prompts == ["000", "000", "001", "001"]
    assert run.prompt_numbers.tolist() == [0, 0, 1, 1]
    assert (run.points == POINTS).all()
    assert (run.rewards["embedded"] == reward).all()
    assert run.traces["K"].shape == (4, 2, 12)


def broken(folder: Path, what: str) -> Path:
    if what == "unfinished":
        (folder / RESULTS).unlink()
    elif what == "no traces":
        (folder / "traces" / "00001.npz").unlink()
    elif what == "damaged":
        (folder / "traces" / "00000.npz").write_bytes(b"PK")
    else:
        lines = [json.loads(line) for line in (folder / SAMPLES).read_text().splitlines()]
        lines[2]["candidates"][1][what] = {"step": 3, "reason": "x"} if what == "cut" else None
        (folder / SAMPLES).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("unfinished", "is not finished"),
        ("no traces", r"00001.npz is missing; resume"),
        ("damaged", r"00000.npz is damaged"),
        ("cut", "is not complete: 1 of its trajectories were cut"),
        ("verdict", "holds images that were not judged"),
    ],
)
def test_what_is_missing_is_told(what: str, message: str, tmp_path: Path) -> None:
    folder = broken(write_made_up(tmp_path / "run", POINTS), what)
    with pytest.raises(BenchmarkError, match=message):
        assert CompleteRun.read(folder).traces["K"].size


def test_a_run_without_traces_is_refused(tmp_path: Path) -> None:
    folder = write_made_up(tmp_path / "run", POINTS, all_candidates=False)
    with pytest.raises(BenchmarkError, match="run it again with 'bench run --all-candidates'"):
        CompleteRun.read(folder)


def test_a_scheduled_run_is_refused(tmp_path: Path) -> None:
    folder = decode(tmp_path, build_strategy({"name": "scaling-ar", "num_trajectories": 2}))
    with pytest.raises(BenchmarkError, match="scheduled the guidance scale"):
        CompleteRun.read(folder)
