"""FR-TTS: fill-in reward, diversity, and resampling from the best few."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.policy.fill_reward import FillSearch
from scalingar.strategies import FRTTS
from scalingar.strategies.rivals.fr_tts import diversity_weight, kept, nearest_before, normalised
from scalingar.strategies.search import Decision
from tests.strategies.rivals.by_hand import RASTER, Told, step
from tests.tiny.pipes import PROMPT, tiny_pipe


def test_diversity_is_the_distance_to_the_nearest_before() -> None:
    features = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    np.testing.assert_allclose(nearest_before(features), [np.sqrt(2), np.sqrt(2), 0])


def test_scores_are_min_max_normalised() -> None:
    assert normalised(np.array([1.0, 3.0, 2.0])).tolist() == [0, 1, 0.5]
    assert normalised(np.array([4.0, 4.0])).tolist() == [0, 0]


def test_the_weight_of_diversity_falls_with_the_rows_and_the_spread_of_rewards() -> None:
    even = 0.03  # where the shift is nothing
    assert [diversity_weight(share / 24, even) for share in (6, 12, 18, 24)] == pytest.approx([1, 0.5, 0, 0])
    assert diversity_weight(0.5, 1e9) == pytest.approx(0.2)
    assert diversity_weight(0.5, 0.0) == pytest.approx(0.5 - 0.3 * (2 / (1 + np.exp(0.3)) - 1))


def test_ever_fewer_are_drawn_from() -> None:
    assert [kept(share, 8) for share in (0.3, 0.5, 0.75)] == [8, 4, 2]
    assert kept(0.75, 2) == 1


def test_a_late_check_of_four_goes_on_with_the_best_alone() -> None:
    """At three quarters one of four is left to draw from, and diversity has no weight: the reward of the filling."""
    looks = Told(lambda one: float((one.codes == 7).sum()), torch.eye(4)[:, None])
    codes = [[0] * 12, [7] * 12, [0] * 11 + [7], [7, 0] * 6]
    decision = FRTTS(num_trajectories=4).search(RASTER).before_draw(step(12, codes=codes, looks=looks))
    assert decision is not None
    assert decision.rows.tolist() == [1, 1, 1, 1]
    assert decision.trace["reward"].tolist()[:2] == [0, 16]
    assert all(seen[:12] in codes and len(seen) == 16 for seen in looks.seen)


def chances(decisions: Sequence[Decision]) -> np.ndarray:
    """How often each of four rows goes on, of all that do."""
    return np.bincount(np.concatenate([decision.rows for decision in decisions]), minlength=4) / (4 * len(decisions))


def checked_at_half(rewards: np.ndarray, features: list[list[float]], seeds: int) -> list[Decision]:
    """The check at half of the rows, where the best two of four are drawn from, by each of these seeds."""
    strategy, found = FRTTS(num_trajectories=4, search_fill=FillSearch(fillings=1, rounds=0)), []
    for seed in range(seeds):
        looks = Told(lambda one: float(rewards[one.index]), torch.tensor(features)[:, None])
        codes = [[row] * 8 for row in range(4)]
        found.append(strategy.search(replace(RASTER, seed=seed)).before_draw(step(8, codes=codes, looks=looks)))
    return [decision for decision in found if decision is not None]


def test_at_half_diversity_and_reward_decide_together() -> None:
    """Rewards 1, 2/3, 1/3, 0 and distances 0, 0, 1, √½ count half each: neither the best two nor the most unlike."""
    rewards = np.sqrt(0.024) * np.array([3.0, 2, 1, 0])  # their variance is 0.03, where the shift is nothing
    decisions = checked_at_half(rewards, [[1.0, 0], [1, 0], [-1, 0], [0, 1]], seeds=20)
    for decision in decisions:
        assert decision.trace["score"] == pytest.approx([1 / 2, 1 / 3, 2 / 3, np.sqrt(1 / 8)])
    assert np.flatnonzero(chances(decisions)).tolist() == [0, 2]


def test_a_score_that_is_higher_by_one_is_drawn_e_times_as_often() -> None:
    """The third is the best and the most unlike the others, which are equal; of these the first is the second best."""
    decisions = checked_at_half(np.array([0.0, 0, 1, 0]), [[1.0, 0], [1, 0], [-1, 0], [1, 0]], seeds=250)
    assert decisions[0].trace["score"].tolist() == [0, 0, 1, 0]
    np.testing.assert_allclose(chances(decisions), [1 / (1 + np.e), 0, np.e / (1 + np.e), 0], atol=0.05)
    assert len({tuple(decision.rows) for decision in decisions}) == 2**4


def test_every_filling_is_a_look_and_codes_are_as_many_as_best_of_ns() -> None:
    ledger = tiny_pipe()(PROMPT, strategy=FRTTS(num_trajectories=4, reward="red-pixels"), seed=2).ledger
    assert ledger.tokens <= 4 * 16
    assert 4 + 2 * 4 * (5 + 4) <= ledger.reward_calls <= 4 + 2 * 4 * 15
    assert ledger.feature_calls == 8


def test_it_fills_by_itself() -> None:
    with pytest.raises(ConfigError, match="looks for its own filling; leave fill out"):
        FRTTS(fill="grey")
