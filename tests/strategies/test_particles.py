"""Particles between importance sampling, Best-of-N and resampling at every check."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.policy.resampling import probabilities
from scalingar.strategies import BestOfN, ImportanceSampling, Particles
from tests.strategies.rivals.by_hand import RASTER, Told, step
from tests.tiny import scale_pipes
from tests.tiny.pipes import PROMPT, tiny_pipe

REWARD = "log-likelihood"
PROMPTS = [PROMPT, "a bird", "two cats", "a red bus"]


@pytest.mark.parametrize("pipe", [tiny_pipe, scale_pipes.infinity_pipe])
def test_share_0_is_importance_sampling(pipe: Any) -> None:
    share_0 = Particles(num_trajectories=5, potential="reward", reward=REWARD, ess_share=0, temperature_inverse=300)
    importance = ImportanceSampling(num_trajectories=5, reward=REWARD, temperature_inverse=300)
    ours, theirs = (pipe()(PROMPTS, strategy=strategy, seed=2) for strategy in (share_0, importance))
    assert [result.chosen for result in ours.results] == [result.chosen for result in theirs.results]
    assert len({result.chosen for result in ours.results}) > 1
    assert ours.ledger.tokens == theirs.ledger.tokens


def test_without_checks_and_with_a_reward_at_the_end_it_is_best_of_n() -> None:
    plain = Particles(num_trajectories=5, checks=(), last="reward", reward=REWARD)
    ours = tiny_pipe()(PROMPTS, strategy=plain, seed=2)
    theirs = tiny_pipe()(PROMPTS, strategy=BestOfN(num_trajectories=5, reward=REWARD), seed=2)
    assert [result.chosen for result in ours.results] == [result.chosen for result in theirs.results]


def test_equal_potentials_change_nothing() -> None:
    flat = Particles(num_trajectories=4, temperature_inverse=0, ess_share=1)
    result = tiny_pipe()(PROMPT, strategy=flat, seed=2).results[0]
    assert len(result.candidates) == 4
    assert all(candidate.finished for candidate in result.candidates)


@pytest.mark.parametrize("pipe", [tiny_pipe, scale_pipes.infinity_pipe])
@pytest.mark.parametrize("potential", ["reward", "confidence", "likelihood"])
def test_uneven_weights_are_resampled_and_begin_anew(pipe: Any, potential: Any) -> None:
    strategy = Particles(
        num_trajectories=6,
        potential=potential,
        reward=REWARD if potential == "reward" else None,
        temperature_inverse=300,
        checks=(0.5,),
        ess_share=1,
    )
    output = pipe()(PROMPTS, strategy=strategy, seed=2)
    copies = 0
    for result in output.results:
        cut = [candidate for candidate in result.candidates if not candidate.finished]
        children = [candidate for candidate in result.candidates if candidate.parent is not None]
        copies += len(children)
        assert len(cut) == len(children)
        assert sum(candidate.finished for candidate in result.candidates) == 6
        first = result.candidates[:6]
        check = int(np.flatnonzero(np.isfinite(first[0].trace["weight"]))[0])
        weights = np.array([candidate.trace["weight"][check] for candidate in first])
        values = np.array([candidate.trace["potential"][check] for candidate in first], np.float64)
        np.testing.assert_allclose(weights, probabilities(300 * values), rtol=0.05, atol=1e-3)  # traces are fp32
        assert first[0].trace["ess"][check] == pytest.approx(1 / (weights**2).sum(), rel=1e-3)
        for candidate in cut:
            assert candidate.cut is not None
            assert candidate.cut.step == check
            share = candidate.trace["weight"][check]
            assert candidate.cut.reason == f"not drawn in resampling, weight {share:.3f}"
        for child in children:
            assert child.born == check
            assert child.parent is not None
            parent = result.candidates[child.parent]
            inherited = child.inherited
            assert torch.equal(child.codes.flatten()[:inherited], parent.codes.flatten()[:inherited])
    assert copies
    drawn = sum(candidate.drawn for result in output.results for candidate in result.candidates)
    assert output.ledger.tokens == drawn


def test_after_resampling_the_pick_counts_only_what_came_later() -> None:
    """Weights that began anew at the check: the pick is the sampler's, by the gain since then."""
    strategy = Particles(num_trajectories=6, potential="likelihood", temperature_inverse=3, checks=(0.5,), ess_share=1)
    for seed in range(4):
        result = tiny_pipe()(PROMPT, strategy=strategy, seed=seed).results[0]
        finished = [candidate for candidate in result.candidates if candidate.finished]
        check = int(np.flatnonzero(np.isfinite(finished[0].trace["weight"]))[0])
        gains = np.array([candidate.trace["log_p"][check:].astype(np.float64).sum() for candidate in finished])
        chances = probabilities(3 * gains)
        drawn = np.random.default_rng((seed, 0xC401CE)).choice(len(finished), p=chances)
        assert result.chosen == finished[drawn].index


def test_the_event_of_a_step_tells_of_rows_that_end_in_it() -> None:
    told: list[Any] = []

    def callback(_: Any, step: int, total: int, values: dict[str, Any]) -> None:
        if step == 8:
            told.append(values)

    settings = {"num_trajectories": 4, "ess_share": 1, "checks": (0.5,), "temperature_inverse": 200}
    strategy = {"name": "particles", **settings}
    output = tiny_pipe()(PROMPT, strategy=strategy, seed=2, callback_on_step_end=callback)
    assert any(candidate.cut is not None for candidate in output.candidates[0])
    by_index = {candidate.index: candidate for candidate in output.candidates[0]}
    for name in ("C", "entropy", "weight"):
        own = [by_index[index].trace[name][8] for index in told[0]["indices"]]
        np.testing.assert_array_equal(told[0][name], own)


def test_each_image_draws_its_own_survivors() -> None:
    """Of weights 2, 1, 1, 1 evenly spaced quantiles take one of four choices, by the offset that an image draws."""
    weights = [2.0, 1, 1, 1]
    strategy = Particles(num_trajectories=4, potential="reward", reward="told", temperature_inverse=1, ess_share=1)

    def survivors(seed: int) -> tuple[int, ...]:
        looks = Told(lambda one: float(np.log(weights[one.index])))
        search = strategy.search(replace(RASTER, seed=seed))
        decision = search.before_draw(step(8, codes=[[row] * 8 for row in range(4)], looks=looks))
        assert decision is not None
        return tuple(decision.rows.tolist())

    found = [survivors(seed) for seed in range(20)]
    assert found == [survivors(seed) for seed in range(20)]
    assert set(found) == {(0, 0, 1, 2), (0, 0, 1, 3), (0, 0, 2, 3), (0, 1, 2, 3)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"checks": (0.5, 0.25)}, "must ascend between 0 and 1"),
        ({"checks": (0.0,)}, "must ascend between 0 and 1"),
        ({"ess_share": 1.5}, "ess_share=1.5: must be <= 1"),
        ({"potential": 5}, "'reward', 'verifier', 'confidence' or 'likelihood'"),
        ({"reward": REWARD}, "nothing asks the reward"),
        ({"potential": "reward", "reward": "rank-sum:log-likelihood,pmi"}, "ranks finished candidates"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Particles.model_validate(settings)
