"""Every analysis finds what was put into a made-up run, and writes it."""

import csv
from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.outcomes.findings import Findings, Interval, format_cell
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.studies.ablation import VARIANTS, ablation_findings
from scalingar.analysis.studies.calibration import calibration_findings
from scalingar.analysis.studies.scaling import scaling_findings, sizes
from scalingar.analysis.studies.signal_study import signal_findings
from scalingar.analysis.studies.sweep import sweep_findings
from scalingar.analysis.studies.tune import halving_outcomes, tune_findings
from scalingar.bench.runs.suite import read_suite
from scalingar.bench.statistics import Estimate
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.report.figure import new_figure
from tests.analysis.made_up_runs import write_made_up

IMAGES, N, STEPS = 60, 4, 12


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CompleteRun:
    """Right are trajectories of high skill, which the log-likelihood shows and nothing else does."""
    rng = np.random.default_rng(5)
    skill = rng.normal(size=(IMAGES, N))
    log_p = (skill[:, :, None] - 3 + rng.normal(size=(IMAGES, N, STEPS))).astype(np.float32)
    folder = tmp_path_factory.mktemp("made-up") / "run"
    points = (skill + 0.3 * rng.normal(size=(IMAGES, N)) > 0.5).astype(float)
    tasks = ["one"] * 40 + ["two"] * 20
    traces = {"log_p": log_p, "log_p_null": np.zeros_like(log_p)}
    return CompleteRun.read(write_made_up(folder, points, traces=traces, tasks=tasks, rewards={"r": -skill}))


def row(findings: Findings, name: str, column: str = "rule") -> dict:
    return next(dict(row) for row in findings.rows if row[column] == name)


def test_the_signal_that_knows_is_found(run: CompleteRun, tmp_path: Path) -> None:
    findings = signal_findings(run)
    knows, blind = row(findings, "log_likelihood", "signal"), row(findings, "B", "signal")
    assert knows["among candidates"].low > 0.8 > blind["among candidates"].high
    assert knows["at 12.5%"] < knows["among candidates"].value
    assert row(findings, "r", "signal")["across prompts"].high < 0.2
    paths = findings.write(tmp_path)
    assert [path.name for path in paths] == ["signals.md", "signals.csv", "signals.png"]
    assert all(path.stat().st_size for path in paths)


def test_nothing_can_be_ordered_where_all_are_right(tmp_path: Path) -> None:
    run = CompleteRun.read(write_made_up(tmp_path / "run", np.ones((4, 2))))
    with pytest.raises(BenchmarkError, match=r"no image of .* has both"):
        signal_findings(run)


def test_scaling_lies_between_chance_and_the_oracle(run: CompleteRun) -> None:
    assert sizes(6) == [1, 2, 4, 6]
    findings = scaling_findings(run)
    at_four = {str(one["rule"]): one for one in findings.rows if one["N"] == 4}
    scores = [at_four[rule]["score"].value for rule in ("random", "log_likelihood", "oracle")]  # type: ignore[union-attr]
    assert scores == sorted(scores)
    assert at_four["log_likelihood"]["against random"].low > 0  # type: ignore[union-attr]
    assert at_four["scaling-ar, termination only"]["tokens/image"] < 4 * STEPS  # type: ignore[operator]
    assert [one["rule"] for one in findings.rows if one["N"] == 1] == ["random"]


def test_the_ablation_has_every_variant_and_its_controls(run: CompleteRun) -> None:
    findings = ablation_findings(run)
    assert [one["rule"] for one in findings.rows] == [*VARIANTS, "confidence-of-4", "random-of-4", "random-of-1"]
    assert row(findings, "termination only")["against termination only"] is None
    assert row(findings, "no gate, final C")["tokens/image"] == 4 * STEPS


def test_a_sweep_tells_each_value_against_the_default(run: CompleteRun) -> None:
    findings = sweep_findings(run, "gate.quantile", [0.2, 0.9], {"gate.recovery_threshold": 1e9})
    default, same, more = findings.rows
    assert same["score"] == default["score"]
    assert same["against default"] == Interval(0, 0, 0, signed=True)
    assert more["tokens/image"] < default["tokens/image"]  # type: ignore[operator]
    picks = sweep_findings(run, "pick", ["log_likelihood"], {"gate.enabled": False}).rows[1]
    assert picks["against default"].low > 0  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match=r"guidance\.alpha changes what is drawn"):
        sweep_findings(run, "guidance.alpha", [1], {})
    with pytest.raises(ConfigError, match="quantle is no setting; did you mean 'quantile'"):
        sweep_findings(run, "gate.quantle", [1], {})


def test_calibration_is_told_of_prompts_that_were_not_fitted(run: CompleteRun) -> None:
    findings = calibration_findings(run, seed=1)
    assert row(findings, "log_likelihood", "signal")["ECE as it is"] is None
    assert row(findings, "B", "signal")["ECE as it is"] is not None
    assert row(findings, "log_likelihood", "signal")["Brier mapped"] < row(findings, "B", "signal")["Brier mapped"]
    assert "On 30 images" in findings.notes[0]


def test_tuning_finds_the_signal_and_its_direction(run: CompleteRun) -> None:
    findings = tune_findings(run, seed=1)
    best = row(findings, "pick by log_likelihood")
    assert best["against random-of-4"].low > 0
    assert best["fitted"] > 0.5
    assert any(str(one["rule"]).startswith("keep ") for one in findings.rows)
    assert row(findings, "r-of-4")["score"].value < best["score"].value


def test_the_preset_is_told_beside_what_costs_the_same(tmp_path: Path) -> None:
    points = np.random.default_rng(0).integers(0, 2, (3, 8)).astype(float)
    halved, complete = halving_outcomes(CompleteRun.read(write_made_up(tmp_path / "eight", points)))
    assert (halved.name, complete.name) == ("successive-halving", "final_confidence-of-6.00")
    assert set(halved.tokens) == set(complete.tokens) == {8 * 6 + 4 * 6}
    assert halving_outcomes(CompleteRun.read(write_made_up(tmp_path / "four", points[:, :4]))) == []


def test_numbers_are_rounded_for_people_only() -> None:
    findings = Findings(
        "x",
        [{"rule": "a", "score": Estimate(0.12345, 0.01, 3), "gap": Interval(0.5, -0.25, 1, signed=True)}],
        new_figure(1, 1),
    )
    assert "| a | 0.123 ± 0.010 | +0.500 [-0.250, +1.000] |" in findings.markdown()
    assert next(csv.DictReader(findings.csv().splitlines())) == {
        "rule": "a",
        "score": "0.12345",
        "score error": "0.01",
        "gap": "0.5",
        "gap low": "-0.25",
        "gap high": "1",
    }
    assert [format_cell(0.0004), format_cell(1152.0), format_cell(None)] == ["<0.001", "1152.0", "–"]


def test_the_suite_of_the_ablation_can_be_run() -> None:
    suite = read_suite("ablation")
    assert len({(type(strategy), strategy.model_dump_json()) for strategy in suite.values()}) == len(suite)


def test_a_task_of_one_prompt_leaves_no_interval_and_no_p(tmp_path: Path) -> None:
    points = np.array([[0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    run = CompleteRun.read(write_made_up(tmp_path / "run", points, tasks=["one", "two"], rewards={"r": points}))
    findings = scaling_findings(run)
    best = next(one for one in findings.rows if (one["N"], one["rule"]) == (4, "r"))
    assert best["p, against random"] is None
    line = next(line for line in findings.markdown().splitlines() if line.startswith("| 4 | 2 | r |"))
    assert line == "| 4 | 2 | r | 1.000 | 48.0 | +0.500 | – |"
    told = next(one for one in csv.DictReader(findings.csv().splitlines()) if (one["N"], one["rule"]) == ("4", "r"))
    assert [told[f"against random{end}"] for end in ("", " low", " high")] == ["0.5", "", ""]


def test_a_single_prompt_leaves_no_interval_of_an_order(tmp_path: Path) -> None:
    points = np.array([[0.0, 1.0, 0.0, 1.0]])
    findings = signal_findings(CompleteRun.read(write_made_up(tmp_path / "run", points, rewards={"r": points})))
    cells = [row(findings, "r", "signal")[column] for column in ("among candidates", "across prompts")]
    assert [format_cell(cell) for cell in cells] == ["1.000", "1.000"]
