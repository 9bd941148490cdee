"""SoTo's beam: the best prefixes of a check, N copies in all."""

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.strategies import Beam, BestOfN
from tests.strategies.rivals.by_hand import RASTER, SCALES, step
from tests.tiny.pipes import PROMPT, tiny_pipe

REWARD = "log-likelihood"


def test_checks_of_both_kinds_of_models() -> None:
    assert Beam().steps_of_checks(SCALES) == [1, 2]
    assert Beam().steps_of_checks(RASTER) == [2, 4, 6, 8, 9, 11, 13, 15]  # ninths of 16, rounded up
    assert Beam(checks=(0.25, 0.5)).search(RASTER).checks == {4, 8}


def test_a_check_worked_by_hand() -> None:
    """Of rewards 1, 5, 3, 5 the best two are rows 1 and 3, in their order; N = 5 copies are theirs in turn."""
    search = Beam(num_trajectories=5, beam_width=2, checks=(0.5,)).search(RASTER)
    assert search.before_draw(step(4, [1, 5, 3, 5])) is None
    decision = search.before_draw(step(8, [1, 5, 3, 5]))
    assert decision is not None
    assert decision.rows.tolist() == [1, 3, 1, 3, 1]
    assert decision.reasons == ["not among the best beams", None, "not among the best beams", None]
    assert decision.trace["reward"].tolist() == [1, 5, 3, 5]


def test_scales_are_judged_right_after_their_draw() -> None:
    search = Beam(num_trajectories=2, beam_width=1).search(SCALES)
    assert search.decides_after
    assert search.before_draw(step(1, [0, 1])) is None
    decision = search.after_draw(step(1, [0, 1]))
    assert decision is not None
    assert decision.rows.tolist() == [1, 1]
    assert not Beam().search(RASTER).decides_after


def test_no_check_is_best_of_n_and_every_beam_costs_as_much() -> None:
    pipe = tiny_pipe()
    best = pipe(PROMPT, strategy=BestOfN(num_trajectories=4, reward=REWARD), seed=2)
    plain = pipe(PROMPT, strategy=Beam(num_trajectories=4, checks=(), reward=REWARD), seed=2)
    assert torch.equal(plain.results[0].best.codes, best.results[0].best.codes)
    assert pipe(PROMPT, strategy=Beam(num_trajectories=4, reward=REWARD), seed=2).ledger.tokens == best.ledger.tokens


def test_the_engine_keeps_the_best_prefixes_and_their_cache() -> None:
    """After one check at half only two likeliest prefixes are left, each drawn once and continued twice."""
    pipe = tiny_pipe()
    output = pipe(PROMPT, strategy=Beam(num_trajectories=4, checks=(0.5,), reward=REWARD), seed=2)
    first = output.candidates[0][:4]
    likely = [float(candidate.trace["log_p"][:8].mean()) for candidate in first]
    best = set(np.argsort(likely)[2:].tolist())
    ended = [candidate for candidate in output.candidates[0] if candidate.finished]
    assert {candidate.index for candidate in first if candidate.finished} == best
    assert {candidate.parent for candidate in ended if candidate.parent is not None} == best
    assert all(candidate.born == 8 for candidate in ended if candidate.parent is not None)
    assert output.ledger.forward_rows == 2 * (output.ledger.tokens - 4)


def test_looks_are_counted() -> None:
    pipe = tiny_pipe()
    prefix_looks = pipe(PROMPT, strategy=Beam(num_trajectories=4, checks=(0.5,), reward="red-pixels"), seed=2).ledger
    assert (prefix_looks.decodes, prefix_looks.reward_calls) == (8, 8)


def test_refused() -> None:
    with pytest.raises(ConfigError, match="must ascend between 0 and 1"):
        Beam(checks=(0.5, 0.5))
    with pytest.raises(ConfigError, match="ranks finished candidates; a prefix has no value"):
        Beam(reward="rank-sum:log-likelihood,pmi")
    with pytest.raises(ConfigError, match="fill is 'grey'; pictures of a next-scale model are whole"):
        Beam(fill="grey").search(SCALES)
