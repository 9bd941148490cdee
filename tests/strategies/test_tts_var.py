from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError, DecodingError
from scalingar.core.outputs import Candidate
from scalingar.rewards.features import PixelFeature
from scalingar.rewards.intrinsic import IntrinsicReward
from scalingar.rewards.reward import FunctionReward
from scalingar.strategies import BestOfN, TTSVar
from tests.strategies.rivals.by_hand import SCALES, step
from tests.tiny import scales as tiny


def run(strategy: Any, *prompts: str, **options: Any) -> tiny.Watched:
    return tiny.run(strategy, prompts or (tiny.PROMPT,), **{"feature": PixelFeature(4), **options})


def live(engine: tiny.Watched) -> list[int]:
    return [len(event.indices) for event in engine.events]


@pytest.mark.parametrize("n", [1, 3])
def test_the_batch_really_shrinks_one_scale_later(n: int) -> None:
    engine = run(TTSVar(num_trajectories=n))
    assert live(engine) == [n * size for size in (8, 8, 6, 6, 4, 2, 1)]
    assert sum(candidate.finished for candidate in tiny.candidates(engine)) == n


@pytest.mark.parametrize("n", [1, 2])
def test_images_are_decoded_only_where_a_policy_looks(n: int) -> None:
    """21 of the released code's 56 for N = 1 and 13 scales; here too, for the schedule is the same."""
    ledger = run(TTSVar(num_trajectories=n)).ledger
    assert (ledger.decodes, ledger.feature_calls, ledger.reward_calls) == (21 * n, 14 * n, 7 * n)


def test_free_of_any_reward_model() -> None:
    engine = run(TTSVar(), reward=IntrinsicReward("confidence"))
    assert (engine.ledger.decodes, engine.ledger.reward_calls) == (15, 0)


def test_without_pruning_it_is_best_of_n() -> None:
    plain = TTSVar(schedule=(4,) * 7, clustering_scales=(), resampling_scales=())
    one, other = run(plain), run(BestOfN(num_trajectories=4))
    for mine, theirs in zip(tiny.candidates(one), tiny.candidates(other), strict=True):
        assert torch.equal(mine.codes, theirs.codes)
    assert one.results[0].chosen == other.results[0].chosen


def test_survivors_are_those_of_best_of_n() -> None:
    """Clustering alone forks nothing: who survives has the codes it would have had anyway."""
    pruned = tiny.candidates(run(TTSVar(resampling=False)))
    whole = tiny.candidates(run(BestOfN(num_trajectories=8)))
    assert len(pruned) == 8
    assert sum(candidate.finished for candidate in pruned) == 1
    for few, many in zip(pruned, whole, strict=True):
        assert torch.equal(few.codes, many.codes[: few.tokens])


def test_a_prune_that_is_off_keeps_the_first_rows() -> None:
    blind = tiny.candidates(run(TTSVar(clustering=False, resampling=False)))
    assert [candidate.index for candidate in blind if candidate.finished] == [0]
    assert {candidate.cut.reason for candidate in blind if candidate.cut} == {"the schedule kept the first rows"}
    assert run(TTSVar(clustering=False)).ledger.feature_calls == 0
    assert run(TTSVar(resampling=False)).ledger.reward_calls == 1


FORKING = TTSVar(schedule=(4,) * 7, clustering_scales=(), resampling_scales=(2,), temperature_inverse=1000.0)


def copies(engine: tiny.Watched) -> list[Candidate]:
    return [candidate for candidate in tiny.candidates(engine) if candidate.parent is not None]


def test_copies_share_the_past_and_diverge() -> None:
    engine = run(FORKING)
    found = copies(engine)
    assert len(found) == 3, "one trajectory takes all with a λ so large"
    candidates = tiny.candidates(engine)
    for copy in found:
        assert copy.parent is not None
        parent = candidates[copy.parent]
        assert (copy.born, copy.finished) == (3, True)
        assert torch.equal(copy.codes[:14], parent.codes[:14])
        assert not torch.equal(copy.codes, parent.codes)
        np.testing.assert_array_equal(copy.trace["reward"], parent.trace["reward"])
        np.testing.assert_array_equal(copy.trace["entropy"][:3], parent.trace["entropy"][:3])
        assert copy.trace["entropy"][4] != parent.trace["entropy"][4]
    lost = [candidate for candidate in candidates if candidate.cut]
    assert [candidate.cut.step for candidate in lost if candidate.cut] == [3] * 3
    assert {candidate.tokens for candidate in lost} == {14}


@pytest.mark.parametrize(
    ("method", "drawn"),
    [("systematic", {(0, 2), (1, 3)}), ("multinomial", set(product(range(4), repeat=2)))],
)
def test_each_image_draws_its_own_survivors(method: Any, drawn: set[tuple[int, int]]) -> None:
    """Two of four of equal reward: by evenly spaced quantiles every other one, else any two."""
    strategy = TTSVar(schedule=(4, 2, 2), clustering_scales=(), resampling_scales=(1,), method=method)

    def survivors(seed: int) -> tuple[int, ...]:
        decision = strategy.search(replace(SCALES, seed=seed)).after_draw(step(2, [5, 5, 5, 5]))
        assert decision is not None
        return tuple(decision.rows.tolist())

    found = [survivors(seed) for seed in range(100)]
    assert found == [survivors(seed) for seed in range(100)]
    assert set(found) == drawn


def test_scores_are_traced_where_they_were_taken() -> None:
    candidate = run(TTSVar(resampling_scales=(4, 5))).results[0].best
    assert np.isfinite(candidate.trace["reward"]).tolist() == [False] * 4 + [True, True, False]
    assert 0 < candidate.trace["weight"][4] <= 1


@pytest.mark.parametrize("potential", ["value", "diff", "max", "sum", "topk", "uniform"])
@pytest.mark.parametrize("method", ["multinomial", "systematic"])
def test_every_potential_and_method_runs(potential: str, method: str) -> None:
    topk = 2 if potential == "topk" else None
    assert run(TTSVar(potential=potential, method=method, topk=topk)).results[0].best.finished


@pytest.mark.parametrize("reduction", ["per-image", "shared", "pool"])
def test_every_reduction_runs(reduction: str) -> None:
    assert live(run(TTSVar(reduction=reduction)))[-1] == 1


def test_equal_images_and_equal_rewards() -> None:
    """Nothing to choose by: the schedule still holds."""

    class Same:
        def __call__(self, images: Any) -> torch.Tensor:
            return torch.ones(len(images), 4, 2)

    reward = FunctionReward(lambda prompt, images: [0.5] * len(images))
    assert live(run(TTSVar(), feature=Same(), reward=reward)) == [8, 8, 6, 6, 4, 2, 1]


def test_rewards_and_features_that_are_no_numbers() -> None:
    class Broken:
        def __call__(self, images: Any) -> torch.Tensor:
            return torch.full((len(images), 4, 2), torch.nan)

    with pytest.raises(DecodingError, match=r"at scale 1 the features of images .* not numbers"):
        run(TTSVar(), feature=Broken())
    nothing = FunctionReward(lambda prompt, images: [float("nan")] * len(images))
    with pytest.raises(ConfigError, match="returned nan"):
        run(TTSVar(), reward=nothing)


def test_broken_rows_do_not_stop_the_search() -> None:
    model = tiny.TinyScales(broken=(1, slice(0, 3)))
    engine = run(TTSVar(), decoder=tiny.decoder(model))
    assert live(engine) == [8, 8, 5, 5, 4, 2, 1]
    assert [c.cut.step for c in tiny.candidates(engine)[:3] if c.cut] == [1, 1, 1]


def test_batches_of_any_size() -> None:
    odd = TTSVar(num_trajectories=2, schedule=(7, 5, 5, 5, 3, 3, 1), clustering_scales=(1,), resampling_scales=(4, 5))
    with pytest.raises(ConfigError, match="shrinks after scale 6, which neither clusters nor resamples"):
        run(odd)
    odd = odd.model_copy(update={"schedule": (7, 5, 5, 5, 3, 1, 1)})
    assert live(run(odd)) == [14, 14, 10, 10, 10, 6, 2]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"resampling_scales": (4, 6)}, "scale 6 is the last one"),
        ({"resampling_scales": (4, 9)}, "there is no scale 9"),
        ({"resampling_scales": (3, 4)}, "both by clustering and by resampling"),
        ({"schedule": (4,) * 7}, "clustering at scale 1 would select all 4"),
        ({"schedule": (4, 2)}, "the schedule has 2 numbers; give one per scale"),
        ({"batch_sizes": (4, 2)}, "2 batch sizes for 4 prunes"),
        ({"batch_sizes": (1, 2, 3, 4, 5)}, "grows"),
    ],
)
def test_plans_that_do_not_fit_are_told_before_anything_runs(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"tts-var on a model of 7 scales: .*{complaint}"):
        TTSVar(**settings).plan(7)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"schedule": (1,), "batch_sizes": (1,)}, "leave one out"),
        ({"topk": 3}, "topk is 3 and the potential value"),
        ({"potential": "topk"}, "topk is None and the potential topk"),
        ({"potential": "best"}, "value"),
    ],
)
def test_settings_that_contradict(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        TTSVar(**settings)


def test_the_papers_settings() -> None:
    plan = TTSVar(num_trajectories=2).plan(13)
    assert plan.schedule.after == (16, 16, 12, 12, 12, 8, 4, 4, 4, 2, 2, 2, 2)
    assert (plan.clustering, plan.resampling) == ((2, 5), (6, 9))
    assert TTSVar().temperature_inverse == 10
