from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.outcomes.findings import Interval
from scalingar.analysis.studies.consistency import (
    consistency_findings,
    mean_curve,
    per_prompt,
    scale_rewards,
)
from scalingar.core.errors import ConfigError
from tests.tiny import pipes, scale_pipes
from tests.tiny.scale_pipes import PROMPTS


def test_correlations_by_hand() -> None:
    rising = np.array([[1.0, 2.0, 4.0], [3.0, 1.0, 9.0], [2.0, 3.0, 5.0]])  # three trajectories, three scales
    equal = np.ones((3, 3))
    curves = per_prompt(np.stack([rising, equal]))
    pearson = [np.corrcoef(rising[:, k], rising[:, 2])[0, 1] for k in range(3)]
    np.testing.assert_allclose(curves["Spearman"], [[1.0, -0.5, 1.0], [np.nan] * 3])
    np.testing.assert_allclose(curves["Pearson"], [pearson, [np.nan] * 3])
    np.testing.assert_allclose(curves["same best"], [[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])


def test_a_mean_has_the_interval_of_its_prompts() -> None:
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(0.5, 0.2, 400), np.full(400, np.nan)], axis=1)
    values[:20, 0] = np.nan
    known, unknown = mean_curve(values)
    assert unknown is None
    assert known is not None
    assert known.value == pytest.approx(np.nanmean(values[:, 0]))
    assert (known.high - known.low) / 2 == pytest.approx(1.96 * 0.2 / np.sqrt(380), rel=0.1)


def test_rewards_of_unfinished_images_end_in_those_of_the_finished() -> None:
    pipe = scale_pipes.var_pipe()
    candidates = pipe(PROMPTS[0], strategy="best-of-n", num_trajectories=3, seed=1).candidates[0]
    scores = scale_rewards(pipe, candidates, "pmi")
    assert scores.shape == (3, len(pipe.grids))
    np.testing.assert_allclose(scores[:, -1], [one.signals["pmi"] for one in candidates])
    first = [one.trace["log_p"][0] - one.trace["log_p_null"][0] for one in candidates]
    np.testing.assert_allclose(scores[:, 0], first, rtol=1e-6)


def test_a_row_for_every_scale(tmp_path: Path) -> None:
    pipe = scale_pipes.var_pipe()
    findings = consistency_findings(pipe, PROMPTS[:2], "confidence", trajectories=4, seed=2)
    assert findings.rows[0]["scale"] == "0 (1 x 1)"
    assert len(findings.rows) == len(pipe.grids)
    last = findings.rows[-1]["Spearman"]
    assert isinstance(last, Interval)
    assert (last.value, last.low, last.high) == pytest.approx((1.0, 1.0, 1.0))
    assert findings.rows[-1]["same best"] == Interval(1.0, 1.0, 1.0)
    assert [path.name for path in findings.write(tmp_path)] == ["consistency.md", "consistency.csv", "consistency.png"]


def test_what_cannot_be_asked() -> None:
    with pytest.raises(ConfigError, match="draws token by token"):
        consistency_findings(pipes.tiny_pipe(), ["a dog"], "pmi")
    with pytest.raises(ConfigError, match="a correlation needs at least 3"):
        consistency_findings(scale_pipes.var_pipe(), PROMPTS, "pmi", trajectories=2)
