"""What is shown of a run at one of its steps."""

import numpy as np
import pytest
import torch

from scalingar.core.outputs import Candidate, Cut, PromptResult
from scalingar.serve.studio.moment import Course, Moment
from tests.tiny.pipes import tiny_pipe

TOKENS = Course("next-token", ((2, 3),))
SCALES = Course("next-scale", ((1, 1), (1, 2), (2, 2)))
PREVIEWED = Course("next-token", ((1, 2), (2, 2)))


def candidate(index: int, tokens: int, cut: Cut | None = None, **more: int) -> Candidate:
    steps = tokens + (cut is not None)
    trace = {"C": np.arange(steps, dtype=np.float32)}
    return Candidate("a dog", index, torch.arange(tokens), cut, {}, trace, **more)  # type: ignore[arg-type]


def test_a_trajectory_is_what_it_had_drawn_by_then() -> None:
    result = PromptResult("a dog", 7, [candidate(0, 6), candidate(1, 2, Cut(2, "weak"))], 0)
    before, after, end = (Moment.at(result, step, TOKENS) for step in (1, 4, 6))
    assert [[one.tokens for one in moment.candidates] for moment in (before, after, end)] == [[1, 1], [4, 2], [6, 2]]
    assert [len(one.trace["C"]) for one in after.candidates] == [4, 3]
    assert [one.cut is None for one in before.candidates] == [True, True], "it was not cut yet"
    assert [one.cut is None for one in after.candidates] == [True, False]
    assert (before.chosen, end.chosen) == (None, 0)


@pytest.mark.parametrize(("step", "drawn", "saved"), [(1, 2, 0), (2, 4, 4), (4, 6, 4), (6, 8, 4)])
def test_tokens_are_counted_as_they_are_spent(step: int, drawn: int, saved: int) -> None:
    result = PromptResult("a dog", 7, [candidate(0, 6), candidate(1, 2, Cut(2, "weak"))], 0)
    moment = Moment.at(result, step, TOKENS)
    assert (moment.drawn, moment.saved, moment.full) == (drawn, saved, 12)


def test_codes_of_a_preview_are_steps_like_those_of_the_image() -> None:
    result = PromptResult("a dog", 7, [candidate(0, 6), candidate(1, 2, Cut(2, "weak"))], 0)
    early, late, end = (Moment.at(result, step, PREVIEWED) for step in (1, 4, 6))
    assert [[one.tokens for one in moment.candidates] for moment in (early, late, end)] == [[1, 1], [4, 2], [6, 2]]
    assert (early.total, early.whole, early.course.step_name) == (6, 6, "step")
    assert (early.chosen, end.chosen) == (None, 0)


def test_a_copy_is_there_from_its_birth_and_costs_what_it_drew_itself() -> None:
    copy = candidate(1, 7, parent=0, born=2, inherited=3)
    result = PromptResult("a dog", 7, [candidate(0, 7), copy], 1)
    counts = [len(Moment.at(result, step, SCALES).candidates) for step in (1, 2, 3)]
    assert counts == [1, 1, 2]
    assert Moment.at(result, 3, SCALES).drawn == 7 + 4
    assert [Moment.at(result, step, SCALES).candidates[0].tokens for step in (1, 2)] == [1, 3]


def test_at_the_end_it_counts_as_the_ledger_does() -> None:
    pipe = tiny_pipe()
    gate = {"quantile": 0.4, "warmup_fraction": 0.1}
    output = pipe("a red cat", strategy={"name": "scaling-ar", "num_trajectories": 4, "gate": gate}, seed=1)
    moment = Moment.end(output.results[0], Course.of(pipe))
    assert (moment.drawn, moment.full) == (output.ledger.tokens, output.full_tokens)
    assert moment.saved == output.full_tokens - output.ledger.tokens > 0
