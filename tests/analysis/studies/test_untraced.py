"""Runs of next-scale models have no traces: what asks only for complete trajectories tells of them the same."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.outcomes.findings import Cell, Findings, Interval
from scalingar.analysis.outcomes.running_signals import RUNNING, running, signal_names
from scalingar.analysis.outcomes.selection import best_by
from scalingar.analysis.replay.derive import derived_lines
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.studies.ablation import ablation_findings
from scalingar.analysis.studies.calibration import calibration_findings
from scalingar.analysis.studies.scaling import scaling_findings
from scalingar.analysis.studies.signal_study import signal_findings
from scalingar.analysis.studies.tune import tune_findings
from scalingar.bench.runs.receipts import Receipt, signed
from scalingar.bench.runs.store import COSTS, SAMPLES, RunStore
from scalingar.core.errors import BenchmarkError
from scalingar.strategies.build_strategy import build_strategy
from tests.analysis.made_up_runs import write_made_up

SHAPE = (24, 4)
RECORDED = {
    "final_confidence",
    "confidence",
    "negative_entropy",
    "deepconf",
    "lowest_group_confidence",
    "log_likelihood",
    "pmi",
}


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> CompleteRun:
    rng = np.random.default_rng(6)
    folder = tmp_path_factory.mktemp("made-up") / "run"
    points = rng.integers(0, 2, SHAPE).astype(float)
    return CompleteRun.read(write_made_up(folder, points, rewards={"r": rng.normal(size=SHAPE)}))


@pytest.fixture(scope="module")
def untraced(traced: CompleteRun, tmp_path_factory: pytest.TempPathFactory) -> CompleteRun:
    folder = tmp_path_factory.mktemp("without") / "run"
    return CompleteRun.read(write_made_up(folder, traced.points, rewards=traced.rewards, traced=False))


def told_of(findings: Findings, *columns: str) -> dict[tuple[Cell, ...], dict[str, Cell]]:
    return {tuple(row[column] for column in columns): dict(row) for row in findings.rows}


def numbers(cell: Cell) -> list[float]:
    """Of an interval all three; of an empty cell NaN."""
    values = (cell.value, cell.low, cell.high) if isinstance(cell, Interval) else (cell,)
    return np.array(values, np.float64).tolist()


def test_the_recorded_signals_stand_for_the_last_step(traced: CompleteRun, untraced: CompleteRun) -> None:
    assert set(signal_names(traced)) == set(RUNNING)
    assert set(signal_names(untraced)) == RECORDED
    for name in RECORDED:
        assert running(untraced, name).shape == (*SHAPE, 1)
        np.testing.assert_allclose(running(untraced, name)[:, :, -1], running(traced, name)[:, :, -1], rtol=1e-5)
    with pytest.raises(BenchmarkError, match="has no traces; only runs of next-token models have them"):
        running(untraced, "I_hat")
    with pytest.raises(BenchmarkError, match="there is no signal 'x'; choose from final_confidence"):
        running(untraced, "x")


def test_scaling_leaves_out_what_needs_traces(traced: CompleteRun, untraced: CompleteRun) -> None:
    whole, part = (told_of(scaling_findings(run), "N", "rule") for run in (traced, untraced))
    assert {rule for _, rule in whole.keys() - part.keys()} == {
        "scaling-ar, termination only",
        *(f"{name}, tokens of termination" for name in ("r", "confidence", "pmi", "log_likelihood")),
    }
    # Confidence is replayed of a traced run, whose windows are pooled over the trajectories.
    same = [key for key in part if key[1] != "confidence"]
    assert [part[key] for key in same] == [whole[key] for key in same]
    assert part[4, "oracle"]["tokens/image"] == 4 * 12


@pytest.fixture(scope="module")
def packed(untraced: CompleteRun, tmp_path_factory: pytest.TempPathFactory) -> CompleteRun:
    """As under docs/data: its lines as one shard, of which no file was kept."""
    folder = Path(shutil.copytree(untraced.folder, tmp_path_factory.mktemp("packed") / "run"))
    cost = {**RunStore(folder).costs()[0], "images": untraced.images}
    del cost["sha256"]
    lines = (folder / SAMPLES).read_bytes().splitlines(keepends=True)
    (folder / COSTS).write_bytes(signed(cost, Receipt.of(untraced.plan.digest, lines, {})))
    return CompleteRun.read(folder)


def test_confidence_of_fewer_is_not_told_of_windows_over_more(packed: CompleteRun, untraced: CompleteRun) -> None:
    confident = [n for n, rule in told_of(scaling_findings(packed), "N", "rule") if rule == "confidence"]
    assert confident == [4]
    for reward in ("confidence", "rank-sum:pmi,0.5*final-confidence"):
        strategy = {"name": "best-of-n", "num_trajectories": 2, "reward": reward}
        with pytest.raises(BenchmarkError, match="pooled over 4 trajectories, not over 2; draw a run of 2"):
            derived_lines(packed, build_strategy(strategy))
    confident_of = {n: build_strategy({"name": "most-confident-of-n", "num_trajectories": n}) for n in (2, 4)}
    with pytest.raises(BenchmarkError, match="pooled over 4 trajectories, not over 2"):
        derived_lines(packed, confident_of[2])
    with pytest.raises(BenchmarkError, match="pooled over 4 trajectories, not over 2"):
        best_by(packed, "final_confidence", 2)
    assert derived_lines(packed, confident_of[4]) == derived_lines(untraced, confident_of[4])
    assert len(derived_lines(packed, build_strategy("single"))) == 24
    assert len(derived_lines(untraced, confident_of[2])) == 24, "next-scale models have no windows"


@pytest.mark.parametrize("findings_of", [signal_findings, lambda run: calibration_findings(run, seed=1)])
def test_signals_of_complete_trajectories_say_the_same(
    traced: CompleteRun, untraced: CompleteRun, tmp_path: Path, findings_of: Callable[[CompleteRun], Findings]
) -> None:
    findings = findings_of(untraced)
    whole, part = told_of(findings_of(traced), "signal"), told_of(findings, "signal")
    assert {name for (name,) in part} == {*RECORDED, "r"}
    for key, row in part.items():
        for column in row.keys() - {"signal"}:
            np.testing.assert_allclose(numbers(row[column]), numbers(whole[key][column]), rtol=1e-4)
    assert not any(column.startswith("at ") for column in findings.rows[0])
    assert "'at'" not in findings.notes[0]
    assert all(path.stat().st_size for path in findings.write(tmp_path))


@pytest.mark.parametrize("findings_of", [ablation_findings, lambda run: tune_findings(run, seed=1)])
def test_what_happens_on_the_way_needs_traces(
    untraced: CompleteRun, findings_of: Callable[[CompleteRun], Findings]
) -> None:
    with pytest.raises(BenchmarkError, match="has no traces; only runs of next-token models have them"):
        findings_of(untraced)
