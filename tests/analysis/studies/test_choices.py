"""The table of choices: made-up runs, whose cuts differ where a choice matters."""

from pathlib import Path

import numpy as np

from scalingar.analysis.replay.replay import replay_strategy
from scalingar.analysis.replay.variants import termination
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.studies.choices import CHOICES, choices_findings, other_cuts
from tests.analysis.made_up_runs import write_made_up


def test_every_choice_is_told_beside_the_default(tmp_path: Path) -> None:
    points = np.random.default_rng(0).integers(0, 2, (12, 6)).astype(float)
    run = CompleteRun.read(write_made_up(tmp_path / "run", points))
    findings = choices_findings(run)
    rows = {row["rule"]: row for row in findings.rows}
    assert list(rows) == list(CHOICES)
    assert rows["as v3"]["other cuts"] == 0
    for name in ("no recovery condition", "C_min since the start (v3-start)"):
        replayed = replay_strategy(run, termination(run, {"num_trajectories": 6, **CHOICES[name]}))
        assert rows[name]["tokens"] == replayed.tokens.mean() / (6 * 12)
        assert rows[name]["survivors"] == replayed.finished.sum(axis=1).mean()
    assert any(row["other cuts"] for row in rows.values())
    assert "28.7 %" in findings.markdown()


def test_other_cuts_are_counted_by_image(tmp_path: Path) -> None:
    run = CompleteRun.read(write_made_up(tmp_path / "run", np.ones((8, 4))))
    first, second = (replay_strategy(run, termination(run, {"gate.quantile": p})) for p in (0.2, 0.9))
    different = [a != b for a, b in zip(first.cut_step.tolist(), second.cut_step.tolist(), strict=True)]
    assert other_cuts(first, second) == np.mean(different) > 0
