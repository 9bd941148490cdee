"""A complete run is read as arrays, and one that is not complete says so in a sentence."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.replay.derive import derived_lines
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.receipts import digest
from scalingar.bench.runs.results import RESULTS
from scalingar.bench.runs.store import SAMPLES, RepairWarning
from scalingar.core.errors import BenchmarkError
from scalingar.strategies.build_strategy import build_strategy
from tests.analysis.made_up_runs import decode, sign, write_made_up
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import runner_of
from tests.tiny.pipes import tiny_pipe

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
        sign(folder)
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


@pytest.fixture
def traced(complete: CompleteRun, tmp_path: Path) -> Path:
    """A decoded run of ten images in three shards, free to be damaged."""
    return Path(shutil.copytree(complete.folder, tmp_path / "run"))


def begun_again(folder: Path) -> None:
    """As ``bench run`` that is killed before it has drawn what is missing."""
    steps = runner_of(tiny_pipe(), Bright(), RunPlan.read(folder), folder).run()
    with pytest.warns(RepairWarning, match="missing"):
        next(steps)
    steps.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("shard", "earlier"), [(0, False), (1, False), (2, False), (0, True), (1, True)])
def test_a_half_mended_run_is_refused(traced: Path, shard: int, earlier: bool) -> None:
    """``earlier``: as earlier versions left it, which kept its results."""
    told = (traced / RESULTS).read_bytes()
    (traced / "traces" / f"{shard:05d}.npz").unlink()
    begun_again(traced)
    if earlier:
        (traced / RESULTS).write_bytes(told)
    with pytest.raises(BenchmarkError, match="is not finished"):
        CompleteRun.read(traced)


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def unnamed(content: bytes) -> bytes:
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "names"}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("spoil", ["emptied", "flipped", "unnamed", "exchanged"])
def test_traces_that_are_not_as_they_were_written_are_named(traced: Path, number: int, spoil: str) -> None:
    path, other = (traced / "traces" / f"{n:05d}.npz" for n in (number, 1 - number))
    content = path.read_bytes()
    changed = {
        "emptied": b"",
        "flipped": flipped(content),
        "unnamed": unnamed(content),
        "exchanged": other.read_bytes(),
    }
    path.write_bytes(changed[spoil])
    with pytest.raises(BenchmarkError, match=rf"{path.name} is damaged or was exchanged; 'bench run' draws its images"):
        assert CompleteRun.read(traced).traces["K"].size


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"PK\x05\x06" + bytes(18)])
def test_what_never_was_an_archive_is_named(traced: Path, content: bytes) -> None:
    run = CompleteRun.read(traced)
    (traced / "traces" / "00000.npz").write_bytes(content)
    run.receipts[0].files["traces/00000.npz"] = digest(content)
    with pytest.raises(BenchmarkError, match=r"00000\.npz (is damaged|does not say)"):
        _ = run.traces


def test_lost_traces_are_not_taken_for_none(traced: Path) -> None:
    shutil.rmtree(traced / "traces")
    run = CompleteRun.read(traced)
    assert run.traced
    with pytest.raises(BenchmarkError, match=r"00000\.npz is missing; resume"):
        derived_lines(run, build_strategy({"name": "most-confident-of-n", "num_trajectories": 2}))
