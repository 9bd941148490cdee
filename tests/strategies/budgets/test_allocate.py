"""One budget for all images of a call: who gets what depends on rewards alone, not on rows or order."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError, DecodingError
from scalingar.strategies import Allocate, BestOfN
from scalingar.strategies.search import Pick, Start
from tests.tiny import scale_pipes
from tests.tiny.pipes import PROMPT, tiny_pipe

REWARD = "log-likelihood"
PROMPTS = [PROMPT, "a bird", "two cats", "a blue cow", "a red bus", "a cup", "a clock above a dog", "a cat"]


def strategy(**rule: float) -> Allocate:
    return Allocate.model_validate({"num_trajectories": 6, "reward": REWARD, "rule": rule})


@pytest.mark.parametrize("rule", [{"budget": 2.5}, {"budget": 3, "first": 2, "share": 1.0}, {"budget": 6}])
@pytest.mark.parametrize("pipe", [tiny_pipe, scale_pipes.infinity_pipe])
def test_its_candidates_are_the_first_of_best_of_n(rule: dict[str, float], pipe: object) -> None:
    assert callable(pipe)
    model, prompts = pipe(), PROMPTS[:4]
    complete = model(prompts, strategy=BestOfN(reward=REWARD, num_trajectories=6), seed=2)
    output = model(prompts, strategy=strategy(**rule), seed=2)
    rewards = np.array([[candidate.rewards[REWARD] for candidate in own] for own in complete.candidates])
    taken = strategy(**rule).taken(rewards)
    assert [len(own) for own in output.candidates] == taken.tolist()
    assert taken.sum() == int(rule["budget"] * len(prompts))
    for whole, result, count in zip(complete.results, output.results, taken.tolist(), strict=True):
        for mine, theirs in zip(result.candidates, whole.candidates[:count], strict=True):
            assert torch.equal(mine.codes, theirs.codes)
    assert [result.chosen for result in output.results] == [
        int(row[:count].argmax()) for row, count in zip(rewards, taken, strict=True)
    ]
    assert output.ledger.tokens == complete.ledger.tokens // rewards.size * taken.sum()
    assert output.ledger.tokens == sum(candidate.drawn for own in output.candidates for candidate in own)


@pytest.mark.parametrize("pipe", [tiny_pipe, scale_pipes.infinity_pipe])
def test_a_limit_of_rows_changes_nothing(pipe: object) -> None:
    assert callable(pipe)
    runs = [
        pipe()(PROMPTS, strategy=strategy(budget=3.5, share=0.5), seed=4, max_rows=rows, output_type="codes")
        for rows in (None, 6, 7, 9, 64)
    ]
    told = [
        [(result.chosen, [c.codes.tolist() for c in result.candidates]) for result in output.results] for output in runs
    ]
    assert len({len(candidates) for _, candidates in told[0]}) > 1
    assert all(other == told[0] for other in told[1:])
    assert len({output.ledger.tokens for output in runs}) == 1


def test_no_more_rows_are_alive_than_allowed_and_unsolved_images_take_those_of_solved_ones() -> None:
    alive: dict[int, int] = {}
    most, refilled = 0, False
    rule = {"budget": 4.0, "share": 1.0}
    for event in tiny_pipe().stream(PROMPTS, strategy=strategy(**rule), seed=4, max_rows=6, output_type="codes"):
        if event.position == 0 and any(left == 0 for left in alive.values()):
            refilled = True
        last = event.position == event.total_steps - 1
        most = max(most, sum({**alive, event.prompt: len(event.indices)}.values()))
        alive[event.prompt] = 0 if last else len(event.indices) - len(event.cut)
    assert most <= 6
    assert refilled


def test_what_an_image_gets_does_not_depend_on_its_place() -> None:
    forward = tiny_pipe()(PROMPTS, strategy=strategy(budget=2), seed=4, output_type="codes")
    backward = tiny_pipe()(PROMPTS[::-1], strategy=strategy(budget=2), seed=4, output_type="codes")
    assert [len(own) for own in forward.candidates] == [len(own) for own in backward.candidates[::-1]]


def test_a_picture_can_be_repeated_without_the_others_of_its_call() -> None:
    pipe = tiny_pipe()
    output = pipe(PROMPTS, strategy=strategy(budget=3, share=0.5), seed=4)
    counts = {len(own) for own in output.candidates}
    assert len(counts) > 1
    for result, info in zip(output.results, output.infos, strict=True):
        arguments = info.recipe.arguments()
        again = pipe(**arguments).results[info.image]
        assert again.chosen == result.chosen
        assert torch.equal(again.best.codes, result.best.codes)


def test_no_cache_of_finished_trajectories_is_kept() -> None:
    peaks = {}
    for strategy_ in (strategy(budget=6), BestOfN(reward=REWARD, num_trajectories=6)):
        ledger = tiny_pipe()(PROMPTS, strategy=strategy_, seed=1, output_type="codes").ledger
        peaks[type(strategy_)] = ledger.peak_bytes
    assert peaks[Allocate] < peaks[BestOfN]


@pytest.mark.parametrize("answers", [1, 2])
def test_answers_that_do_not_fit_are_one_sentence(answers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object) -> Sequence[Start | Pick]:
        return [Start()] * answers

    monkeypatch.setattr(Allocate, "when_all_done", answer)
    with pytest.raises(DecodingError, match=f"Allocate neither starts .* or gives {answers} answers for 2 images"):
        tiny_pipe()(PROMPTS[:2], strategy=strategy(budget=2), seed=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_trajectories": 2, "rule": {"first": 3, "budget": 3}}, "the first 3 trajectories of each image are more"),
        ({"num_trajectories": 2, "rule": {"budget": 3}}, "a budget of 3 trajectories per image is more than num_traj"),
        ({"rule": {"budget": 0.5}}, "smaller than the first 1 of each"),
        ({"reward": "rank-sum:pmi,confidence"}, "ranks an image's candidates, and says nothing across images"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Allocate.model_validate(settings)
