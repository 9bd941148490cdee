from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.outcomes.findings import Interval
from scalingar.analysis.studies.consistency import (
    consistency_findings,
    mean_curve,
    part_rewards,
    per_prompt,
)
from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate
from scalingar.rewards import REWARDS, WithoutWeights
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


def test_a_single_prompt_has_a_mean_and_no_interval() -> None:
    """Also where the rewards of all others are equal."""
    (told,) = mean_curve(np.array([[0.5], [np.nan]]))
    assert told is not None
    assert (told.value, np.isnan(told.low), np.isnan(told.high)) == (0.5, True, True)


def test_rewards_of_unfinished_images_end_in_those_of_the_finished() -> None:
    pipe = scale_pipes.var_pipe()
    candidates = pipe(PROMPTS[0], strategy="best-of-n", num_trajectories=3, seed=1).candidates[0]
    scores = part_rewards(pipe, candidates, "pmi", "grey", seed=1)
    assert scores.shape == (3, len(pipe.grids))
    np.testing.assert_allclose(scores[:, -1], [one.signals["pmi"] for one in candidates])
    first = [one.trace["log_p"][0] - one.trace["log_p_null"][0] for one in candidates]
    np.testing.assert_allclose(scores[:, 0], first, rtol=1e-6)


@pytest.mark.parametrize("fill", ["grey", "repeat", "blocks"])
def test_a_raster_is_filled_row_by_row(fill: str) -> None:
    """The reward is the share of one code: of the drawn ones in a grey picture, of all in a filled one."""

    class Share:
        counts_images = False

        def __call__(self, candidates: list[Candidate]) -> list[float]:
            return [float((one.codes == 7).float().mean()) for one in candidates]

    pipe = pipes.tiny_pipe()
    with REWARDS.temporarily("sevens", WithoutWeights(Share)):
        candidates = pipe("a dog", strategy="best-of-n", num_trajectories=3, seed=1).candidates[0]
        scores = part_rewards(pipe, candidates, "sevens", fill, seed=1)  # type: ignore[arg-type]
        findings = consistency_findings(pipe, ["a dog", "a cat"], "sevens", trajectories=4, fill=fill)
    assert scores.shape == (3, 4)
    for row, one in enumerate(candidates):
        codes = one.codes == 7
        assert scores[row, 3] == pytest.approx(float(codes.float().mean()))
        if fill != "blocks":  # two rows, once or twice
            assert scores[row, 1] == pytest.approx(float(codes[:8].float().mean()))
    assert [line["rows"] for line in findings.rows] == ["1 of 4", "2 of 4", "3 of 4", "4 of 4"]
    assert findings.notes[0].endswith(f"Undrawn codes: {fill}.")


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
    with pytest.raises(ConfigError, match="pictures of a next-scale model are whole"):
        consistency_findings(scale_pipes.var_pipe(), PROMPTS, "pmi", fill="grey")
    with pytest.raises(ConfigError, match="fill is 'black'; choose from grey, repeat, blocks"):
        consistency_findings(pipes.tiny_pipe(), ["a dog"], "pmi", fill="black")
    with pytest.raises(ConfigError, match="a correlation needs at least 3"):
        consistency_findings(scale_pipes.var_pipe(), PROMPTS, "pmi", trajectories=2)
    with pytest.raises(ConfigError, match="the prompt '3' is there twice"):
        consistency_findings(scale_pipes.var_pipe(), ["3", "1", "3"], "pmi")
