"""Beam search over scales: rounds of complete images that share more and more first scales."""

from typing import Any

import pytest

from scalingar.strategies import Lookahead, ScaleBeam
from scalingar.strategies.engine.image_run import ImageRun
from scalingar.strategies.engine.starts import Starts
from scalingar.strategies.search import Pick, Prefix, Start
from tests.strategies.rivals.by_hand import SCALES, candidate, images
from tests.tiny.pipes import PROMPT, tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe


def test_three_scales_worked_by_hand() -> None:
    """Round 1: 1 wins. Round 2 shares its scale 0: 3 wins. Round 3 shares two scales of 3; the best of all is 3."""
    search = ScaleBeam(num_trajectories=2).search(SCALES)
    found = [candidate(0), candidate(1)]
    assert search.when_done(images([1, 2], found)) == Start(prefixes=(Prefix(1, 1), Prefix(1, 1)))
    found += [candidate(2, parent=1, born=1), candidate(3, parent=1, born=1)]
    assert search.when_done(images([1, 2, 4, 9], found)) == Start(prefixes=(Prefix(3, 2), Prefix(3, 2)))
    found += [candidate(4, parent=3, born=2), candidate(5, parent=3, born=2)]
    assert search.when_done(images([1, 2, 4, 9, 8, 7], found)) == Pick(3)


def test_only_the_last_round_that_finished_is_a_source() -> None:
    """A round of which nothing finished is drawn again, with one scale more, from the one before."""
    search = ScaleBeam(num_trajectories=2).search(SCALES)
    found = [candidate(0), candidate(1)]
    assert search.sources(images([1, 2], found)) == [0, 1]
    search.when_done(images([1, 2], found))
    assert search.sources(images([1, 2], found)) == [0, 1]
    assert search.when_done(images([1, 2], found)) == Start(prefixes=(Prefix(1, 2), Prefix(1, 2)))
    found += [candidate(4, parent=1, born=2)]
    assert search.sources(images([1, 2, 3], found)) == [], "no round is to come"


@pytest.mark.parametrize("strategy", [ScaleBeam, Lookahead])
@pytest.mark.parametrize("pipe", [tiny_pipe, infinity_pipe])
def test_caches_of_one_round_are_kept(pipe: Any, strategy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rounds there are."""
    held: list[int] = []
    drop = Starts.drop_spent

    def watched(starts: Starts, run: ImageRun) -> None:
        drop(starts, run)
        held.append(starts.nbytes)

    monkeypatch.setattr(Starts, "drop_spent", watched)
    pipe()(PROMPT, strategy=strategy(num_trajectories=2, beam_width=1, reward="log-likelihood"), seed=1)
    assert len(held) > 5
    assert max(held) == held[0]
    assert held[-1] < held[0]


def test_a_wider_beam_shares_a_round_out() -> None:
    search = ScaleBeam(num_trajectories=3, beam_width=2).search(SCALES)
    found = [candidate(index) for index in range(3)]
    start = search.when_done(images([5, 1, 7], found))
    assert start == Start(prefixes=(Prefix(2, 1), Prefix(0, 1), Prefix(2, 1)))


@pytest.mark.parametrize("pipe", [tiny_pipe, infinity_pipe])
def test_tokens_are_those_of_complete_images_less_what_they_share(pipe: Any) -> None:
    made = pipe()
    strategy = ScaleBeam(num_trajectories=2, checks=(0.5,), reward="log-likelihood")
    output = made(PROMPT, strategy=strategy, seed=1)
    result = output.results[0]
    assert all(one.finished for one in result.candidates)
    assert len(result.candidates) == 4
    whole, shared = result.candidates[0].tokens, result.candidates[2].inherited
    assert 0 < shared < whole
    assert output.ledger.tokens == 4 * whole - 2 * shared
    best = max(result.candidates, key=lambda one: one.rewards["log-likelihood"])
    assert result.chosen == best.index
