"""Runs of next-scale models have no traces: what asks only for complete trajectories tells of them the same."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.outcomes.findings import Cell, Findings, Interval
from scalingar.analysis.outcomes.running_signals import RUNNING, running, signal_names
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.studies.ablation import ablation_findings
from scalingar.analysis.studies.calibration import calibration_findings
from scalingar.analysis.studies.scaling import scaling_findings
from scalingar.analysis.studies.signal_study import signal_findings
from scalingar.analysis.studies.tune import tune_findings
from scalingar.core.errors import BenchmarkError
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
    shutil.copytree(traced.folder, folder, ignore=shutil.ignore_patterns("traces"))
    return CompleteRun.read(folder)


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
