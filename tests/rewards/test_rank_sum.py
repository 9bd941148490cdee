"""Sums of ranks: by hand, among a prompt's candidates, and what is refused."""

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate
from scalingar.rewards import REWARDS, build_reward, check_reward, scoring
from scalingar.rewards.rank_sum import rank_sums, terms_of
from scalingar.strategies import BestOfN, StopWhenGood
from tests.tiny.pipes import PROMPT, tiny_pipe


def candidate(index: int, prompt: str = "a dog", **signals: float) -> Candidate:
    return Candidate(
        prompt=prompt, index=index, codes=torch.zeros(4, dtype=torch.long), cut=None, signals=signals, trace={}
    )


def test_ranks_by_hand() -> None:
    scores = np.array([[0.1, 100.0, 0.5], [3.0, 1.0, 3.0]])
    assert rank_sums(scores, [1.0, 0.5]).tolist() == [0 + 0.75, 2 + 0, 1 + 0.75]


def test_a_score_that_is_no_number_ranks_last_and_leaves_the_others_alone() -> None:
    scores = np.array([[np.nan, 2.0, 1.0, -np.inf], [3.0, 1.0, 2.0, 0.0]])
    assert rank_sums(scores, [1.0, 1.0]).tolist() == [0.5 + 3, 3 + 1, 2 + 2, 0.5 + 0]


def test_candidates_compare_with_those_of_their_prompt() -> None:
    reward = build_reward("rank-sum:pmi,2*log_likelihood", device="cpu")
    seen = [(1.0, -1.0), (2.0, -3.0), (9.0, -9.0), (0.0, -2.0)]
    candidates = [
        candidate(row, prompt="a dog" if row != 2 else "a cat", pmi=pmi, log_likelihood=likelihood)
        for row, (pmi, likelihood) in enumerate(seen)
    ]
    assert reward(candidates) == [1 + 2 * 2, 2 + 0, 0, 0 + 2 * 1]
    assert not reward.counts_images


def test_the_best_of_n_has_the_best_sum() -> None:
    strategy = BestOfN(reward="rank-sum:pmi,confidence", num_trajectories=5)
    result = tiny_pipe()(PROMPT, strategy=strategy, seed=3).results[0]
    columns = [[c.signals[name] for c in result.candidates] for name in ("pmi", "confidence")]
    sums = rank_sums(np.array(columns), [1, 1])
    assert [c.rewards["rank-sum:pmi,confidence"] for c in result.candidates] == sums.tolist()
    assert result.chosen == sums.argmax()


def test_images_are_decoded_and_counted_where_a_term_looks_at_them() -> None:
    with REWARDS.temporarily("red", scoring(lambda _, images: [np.asarray(image)[..., 0].mean() for image in images])):
        strategy = BestOfN(reward="rank-sum:red,pmi", num_trajectories=3)
        output = tiny_pipe()(PROMPT, strategy=strategy, seed=3)
    assert (output.ledger.decodes, output.ledger.reward_calls) == (3, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rank-sum", "needs two or more different rewards, not none"),
        ("rank-sum:pmi", "needs two or more different rewards, not pmi"),
        ("rank-sum:pmi,pmi", "needs two or more different rewards"),
        ("rank-sum:pmi,confidnce", "'confidnce' is not among the rewards.*confidence"),
        ("rank-sum:pmi,0*confidence", "the weight of confidence is 0; it must be above 0"),
        ("rank-sum:pmi,1e400*confidence", "the weight of confidence is inf; it must be above 0 and at most"),
        ("rank-sum:pmi,,confidence", "is no term of a rank sum"),
        ("rank-sum:pmi,٣*confidence", "is no term of a rank sum|not among"),
        ("rank-sum:pmi,x*y*z", "is no term of a rank sum"),
        ("rank-sum:pmi,rank-sum:a", "cannot be a term of another"),
    ],
)
def test_what_is_no_sum_is_refused_before_anything_is_drawn(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_reward(text)


def test_weights_and_spellings() -> None:
    assert [(term.weight, term.name) for term in terms_of("image-reward:a/b, .5 * log_likelihood,1e-3*pmi")] == [
        (1.0, "image-reward:a/b"),
        (0.5, "log-likelihood"),
        (0.001, "pmi"),
    ]


def test_no_threshold_holds_for_ranks() -> None:
    with pytest.raises(ConfigError, match="ranks finished candidates"):
        StopWhenGood(reward="rank-sum:pmi,confidence")
