"""Waves of one image: the candidates are the first of Best-of-N's, and easy prompts leave their rows to hard ones."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.policy.stopping import StoppingRule
from scalingar.strategies import BestOfN, StopWhenGood
from tests.tiny import scale_pipes
from tests.tiny.pipes import PROMPT, tiny_pipe

REWARD = "log-likelihood"


def strategy(**rule: float) -> StopWhenGood:
    return StopWhenGood.model_validate({"num_trajectories": 6, "reward": REWARD, "rule": rule})


@pytest.mark.parametrize("rule", [{"patience": 1}, {"patience": 2, "wave": 2}, {"threshold": -1e9}, {"threshold": 1e9}])
@pytest.mark.parametrize("pipe", [tiny_pipe, scale_pipes.infinity_pipe])
def test_its_candidates_are_the_first_of_best_of_n(rule: dict[str, float], pipe: object) -> None:
    assert callable(pipe)
    model, prompts = pipe(), [PROMPT, "a bird", "two cats"]
    complete = model(prompts, strategy=BestOfN(reward=REWARD, num_trajectories=6), seed=2)
    output = model(prompts, strategy=strategy(**rule), seed=2)
    counts = []
    for whole, result in zip(complete.results, output.results, strict=True):
        rewards = [candidate.rewards[REWARD] for candidate in whole.candidates]
        counts.append(int(strategy(**rule).taken(np.array([rewards]))[0]))
        assert len(result.candidates) == counts[-1]
        for mine, theirs in zip(result.candidates, whole.candidates, strict=False):
            assert torch.equal(mine.codes, theirs.codes)
        assert result.chosen == rewards.index(max(rewards[: counts[-1]]))
    per_image = complete.ledger.tokens // 18
    assert output.ledger.tokens == per_image * sum(counts)
    assert sum(candidate.drawn for result in output.results for candidate in result.candidates) == output.ledger.tokens


def test_a_limit_of_rows_changes_no_picture() -> None:
    prompts = [PROMPT, *(f"{count} cats" for count in range(8))]
    free, tight = (tiny_pipe()(prompts, strategy=strategy(patience=2), seed=4, max_rows=rows) for rows in (None, 6))
    for first, second in zip(free.results, tight.results, strict=True):
        assert first.chosen == second.chosen
        assert [c.codes.tolist() for c in first.candidates] == [c.codes.tolist() for c in second.candidates]


def test_a_rule_that_names_only_its_wave_keeps_the_default_patience() -> None:
    assert StopWhenGood.model_validate({"rule": {"wave": 2}}).rule == StoppingRule(wave=2, patience=3)
    assert StopWhenGood.model_validate({"rule": {"threshold": 2.0}}).rule == StoppingRule(threshold=2.0)


@pytest.mark.parametrize(("threshold", "refused"), [(-1.0, False), (-3.5, True), (2.5, True), (2.0, False)])
def test_a_threshold_that_a_run_has_never_seen_is_refused(threshold: float, refused: bool) -> None:
    rewards = np.array([[-3.0, 1.0], [0.5, 2.0]])
    with pytest.raises(ConfigError, match="outside of what the run has seen, -3 to 2;") if refused else nullcontext():
        strategy(threshold=threshold).check_rewards(rewards)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_trajectories": 4, "rule": {"wave": 5, "patience": 1}}, "a wave of 5 is larger than num_trajectories, 4"),
        ({"rule": {"patience": None}}, "set rule.threshold or rule.patience"),
        ({"rule": {"patience": True}}, "must be a number"),
        ({"rule": {"threshold": float("nan")}}, "finite number"),
        ({"rule": {"patience": 0}}, "rule.patience=0: must be >= 1"),
    ],
)
def test_wrong_rules_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StopWhenGood.model_validate(settings)
