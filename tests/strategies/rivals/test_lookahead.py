"""SoTo's lookahead: beams judged by greedy completions that are thrown away and counted."""

from typing import Any

import pytest
import torch

from scalingar.strategies import Lookahead
from scalingar.strategies.search import Pick, Prefix, Start
from tests.strategies.rivals.by_hand import RASTER, SCALES, candidate, images, step
from tests.tiny.pipes import PROMPT, tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe


def test_one_check_worked_by_hand() -> None:
    """Beams 0 and 1 are completed as 2 and 3; 3 is better, so both new beams go on from its first 8 codes."""
    search = Lookahead(num_trajectories=2, beam_width=1, checks=(0.5,)).search(RASTER)
    assert search.before_draw(step(4, [0, 0])) is None
    decision = search.before_draw(step(8, [0, 0]))
    assert decision is not None
    assert len(decision.rows) == 0
    assert decision.start == Start(prefixes=(Prefix(0, 8, greedy=True), Prefix(1, 8, greedy=True)))
    assert search.before_draw(step(9, [0, 0], indices=[2, 3])) is None
    done = [candidate(2, parent=0, born=8), candidate(3, parent=1, born=8)]
    assert search.when_done(images([1, 5], done)) == Start(prefixes=(Prefix(3, 8), Prefix(3, 8)))
    done += [candidate(4, parent=3, born=8), candidate(5, parent=3, born=8)]
    assert search.when_done(images([1, 5, 2, 3], done)) == Pick(5), "of the last beams, not of the completions"


def test_scales_are_completed_right_after_their_draw() -> None:
    search = Lookahead(num_trajectories=2).search(SCALES)
    assert search.before_draw(step(1, [0, 0])) is None
    decision = search.after_draw(step(1, [0, 0]))
    assert decision is not None
    assert decision.start == Start(prefixes=(Prefix(0, 1, greedy=True), Prefix(1, 1, greedy=True)))


@pytest.mark.parametrize("pipe", [tiny_pipe, infinity_pipe])
def test_completions_are_greedy_counted_and_of_their_own_seed(pipe: Any) -> None:
    strategy = Lookahead(num_trajectories=2, beam_width=1, checks=(0.5,), reward="log-likelihood")
    output = pipe()([PROMPT] * 2, strategy=strategy, seed=[1, 2])
    ended = []
    for result in output.results:
        beams, completions, last = result.candidates[:2], result.candidates[2:4], result.candidates[4:]
        assert [beam.cut.reason for beam in beams if beam.cut] == ["a beam, judged by its completion"] * 2
        assert [one.parent for one in completions] == [0, 1]
        assert len({one.parent for one in last}) == 1
        assert result.chosen in [one.index for one in last]
        ended += [one.codes[-one.drawn :] for one in last]
        again = pipe()(PROMPT, strategy=strategy, seed=result.seed).results[0]
        assert torch.equal(again.best.codes, result.best.codes)
    assert len({tuple(codes.flatten().tolist()) for codes in ended}) == 4, "no two draws are alike"
    drawn = sum(candidate.drawn for result in output.results for candidate in result.candidates)
    assert output.ledger.tokens == drawn


def test_a_greedy_completion_takes_the_likeliest_code() -> None:
    """Drawn at T = 1 beside others; the same prefix completed with greedy sampling throughout is the same."""
    strategy = Lookahead(num_trajectories=1, beam_width=1, checks=(1 / 16,), reward="log-likelihood")
    pipe = tiny_pipe()
    drawn = pipe(PROMPT, strategy=strategy, seed=4).candidates[0]
    greedy = pipe(PROMPT, strategy="single", seed=4, sampling={"greedy": True}).candidates[0][0]
    if drawn[0].codes[0] == greedy.codes[0]:
        assert torch.equal(drawn[1].codes, greedy.codes)
    likeliest = pipe(PROMPT, strategy=strategy, seed=4, sampling={"temperature": 0}).candidates[0]
    assert torch.equal(likeliest[1].codes, greedy.codes)
