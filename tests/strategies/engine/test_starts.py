"""Forks and starts in the middle, on both kinds of models: they have names and parents, and their costs add up."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import DecodingError
from scalingar.core.outputs import Candidate
from scalingar.decoding.trajectories import Trajectories
from scalingar.models.llamagen.kv_cache import KVCache
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies import Strategy
from scalingar.strategies.engine.engine import Engine
from scalingar.strategies.engine.live_batch import LiveBatch
from scalingar.strategies.search import Candidates, Decision, Pick, Prefix, Search, Start, Step
from scalingar.strategies.setting import Setting
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe, var_pipe

Decide = Callable[[Step], Decision | None]
Finish = Callable[[Candidates], Start | Pick]
PROMPTS = ["3", "1", "4"]


def next_token_pipe(*, cuda_graphs: bool = False) -> ImagePipeline:
    """Reads numbers as other pipelines here do: two and three are words it knows."""
    pipe = tiny_pipe(cuda_graphs=cuda_graphs)
    words = {"3": "three dogs", "1": "a red cat", "4": "four cups"}
    encode = pipe.encode_prompts
    pipe.encode_prompts = lambda prompts: encode([words[prompt] for prompt in prompts])
    return pipe


PIPES: dict[str, Callable[[], ImagePipeline]] = {
    "next-token": next_token_pipe,
    "captured": partial(next_token_pipe, cuda_graphs=True),
    "var": var_pipe,
    "infinity": infinity_pipe,
}


@pytest.fixture(params=PIPES)
def pipe(request: pytest.FixtureRequest) -> ImagePipeline:
    return PIPES[request.param]()


@pytest.fixture(autouse=True)
def checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows' invariants hold before and after every step."""
    step = Engine._step

    def watched(engine: Engine, live: LiveBatch) -> Any:
        live.check()
        events = step(engine, live)
        if live.runs:
            live.check()
        return events

    monkeypatch.setattr(Engine, "_step", watched)


class Scripted(Search):
    """Decides by functions."""

    may_start = True

    def __init__(self, strategy: "Script", setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.script = strategy
        self.asked = 0

    def before_draw(self, step: Step) -> Decision | None:
        return self.script.before(step)

    def after_draw(self, step: Step) -> Decision | None:
        return self.script.after(step)

    def when_done(self, finished: Candidates) -> Start | Pick:
        self.asked += 1
        return self.script.done(finished) if self.asked == 1 else Pick(finished[0].index)


class Script(Strategy):
    """Two trajectories and some functions."""

    num_trajectories: int = 2
    before: Decide = lambda step: None
    after: Decide = lambda step: None
    done: Finish = lambda finished: Pick(finished[0].index)

    def search(self, setting: Setting) -> Scripted:
        return Scripted(self, setting)


def candidates(output: ImageOutput) -> list[Candidate]:
    (found,) = output.candidates
    return found


def middle(pipe: ImagePipeline) -> int:
    """A step in the middle."""
    return (pipe.decoder().scales and 3) or 8


def fork(at: int) -> Decide:
    """Both rows twice, once."""
    return lambda step: Decision(np.array([0, 0, 1, 1]), [None] * 2) if step.position == at and len(step) == 2 else None


def adds_up(output: ImageOutput) -> None:
    every = [candidate for some in output.candidates for candidate in some]
    assert output.ledger.tokens == sum(candidate.drawn for candidate in every)
    for some in output.candidates:
        assert [candidate.index for candidate in some] == list(range(len(some)))
        for candidate in some:
            if candidate.parent is not None:
                parent = some[candidate.parent]
                assert torch.equal(candidate.codes[: candidate.inherited], parent.codes[: candidate.inherited])
            steps = candidate.born if candidate.cut is None else candidate.cut.step
            assert all(len(values) >= steps for values in candidate.trace.values())
            assert np.isfinite(candidate.trace["C"]).all()
            assert np.isfinite(candidate.signals["pmi"])


@pytest.mark.parametrize("when", ["before", "after"])
def test_two_forked_into_four_give_four(pipe: ImagePipeline, when: str) -> None:
    at = middle(pipe)
    output = pipe(PROMPTS[0], strategy=Script(**{when: fork(at)}), seed=3)
    found = candidates(output)
    assert [(c.parent, c.born, c.finished) for c in found] == [
        (None, 0, True),
        (None, 0, True),
        (0, at, True),
        (1, at, True),
    ]
    adds_up(output)
    whole = candidates(pipe(PROMPTS[0], strategy=Script(), seed=3))
    for few, many in zip(whole, found, strict=False):
        assert torch.equal(few.codes, many.codes), "who is copied does not notice"
    assert not torch.equal(found[2].codes, found[0].codes)
    for copy, parent in ((found[2], found[0]), (found[3], found[1])):
        for name in ("C", "entropy"):
            np.testing.assert_array_equal(copy.trace[name][:at], parent.trace[name][:at])


def test_prompts_do_not_feel_each_others_forks(pipe: ImagePipeline) -> None:
    strategy = Script(before=fork(middle(pipe)))
    together = pipe(PROMPTS, strategy=strategy, seed=3)
    adds_up(together)
    for prompt, some in zip(PROMPTS, together.candidates, strict=True):
        alone = candidates(pipe(prompt, strategy=strategy, seed=3))
        assert all(torch.equal(a.codes, b.codes) for a, b in zip(some, alone, strict=True))


def start_at(at: int, start: Start) -> Decide:
    return lambda step: (
        Decision(np.arange(len(step)), [None] * len(step), start=start)
        if step.position == at and 0 in step.indices
        else None
    )


@pytest.mark.parametrize("max_rows", [None, 2])
@pytest.mark.parametrize("when", ["before", "after"])
def test_starts_in_the_middle(pipe: ImagePipeline, when: str, max_rows: int | None) -> None:
    at = middle(pipe)
    start = Start(fresh=1, prefixes=(Prefix(1, at - 1), Prefix(0, 1)))
    output = pipe(PROMPTS, strategy=Script(**{when: start_at(at, start)}), seed=3, max_rows=max_rows)
    adds_up(output)
    for some in output.candidates:
        assert [(c.parent, c.born, c.finished) for c in some] == [
            (None, 0, True),
            (None, 0, True),
            (None, 0, True),
            (1, at - 1, True),
            (0, 1, True),
        ]


def test_a_fresh_start_is_the_trajectory_it_would_have_been(pipe: ImagePipeline) -> None:
    late = candidates(pipe(PROMPTS[0], strategy=Script(before=start_at(middle(pipe), Start(fresh=1))), seed=3))
    whole = candidates(pipe(PROMPTS[0], strategy=Script(num_trajectories=3), seed=3))
    assert torch.equal(late[2].codes, whole[2].codes)
    np.testing.assert_allclose(late[2].trace["entropy"], whole[2].trace["entropy"], atol=1e-4)


def test_after_all_are_done_more_may_start(pipe: ImagePipeline) -> None:
    at = middle(pipe)
    start = Start(fresh=1, prefixes=(Prefix(1, at),))
    output = pipe(PROMPTS, strategy=Script(done=lambda finished: start), seed=3)
    adds_up(output)
    for some in output.candidates:
        assert [(c.parent, c.born, c.finished) for c in some[2:]] == [(None, 0, True), (1, at, True)]
    whole = candidates(pipe(PROMPTS[0], strategy=Script(num_trajectories=3), seed=3))
    assert torch.equal(output.candidates[0][2].codes, whole[2].codes)


def test_a_prefix_costs_what_it_draws_and_one_step_more(pipe: ImagePipeline) -> None:
    """Its cache is shared: nothing of the prefix is fed again but the last step, for the logits."""
    decoder, at = pipe.decoder(), middle(pipe)
    plain = pipe(PROMPTS[0], strategy=Script(), seed=3).ledger
    output = pipe(PROMPTS[0], strategy=Script(done=lambda finished: Start(prefixes=(Prefix(0, at),))), seed=3)
    total = output.candidates[0][0].trace["C"].size
    assert output.ledger.prefill_rows == plain.prefill_rows
    fed = sum(decoder.tokens_at(step) for step in range(at, total))
    assert output.ledger.forward_rows - plain.forward_rows == 2 * fed
    assert output.ledger.tokens - plain.tokens == sum(decoder.tokens_at(step) for step in range(at, total))


def test_a_row_that_is_cut_can_still_be_started_from(pipe: ImagePipeline) -> None:
    at = middle(pipe)

    def replace(step: Step) -> Decision | None:
        if step.position != at or len(step) != 2:
            return None
        return Decision(np.array([0]), [None, "replaced"], start=Start(prefixes=(Prefix(1, 1),)))

    output = pipe(PROMPTS[0], strategy=Script(before=replace), seed=3)
    found = candidates(output)
    assert [(c.parent, c.finished) for c in found] == [(None, True), (None, False), (1, True)]
    adds_up(output)


def test_rows_of_one_prompt_stand_at_different_positions_where_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    select = Trajectories.append

    def watched(live: Trajectories, codes: torch.Tensor) -> Trajectories:
        seen.append(len(set(live.positions.tolist())))
        return select(live, codes)

    monkeypatch.setattr(Trajectories, "append", watched)
    strategy = Script(before=start_at(8, Start(fresh=1)))
    staggered = candidates(next_token_pipe()(PROMPTS[0], strategy=strategy, seed=3))
    assert max(seen) == 2
    monkeypatch.setattr(KVCache, "lockstep", property(lambda self: True))
    seen.clear()
    waiting = candidates(next_token_pipe()(PROMPTS[0], strategy=strategy, seed=3))
    assert max(seen) == 1
    assert all(torch.equal(a.codes, b.codes) for a, b in zip(staggered, waiting, strict=True))


def test_a_resumed_row_has_the_profile_of_its_prefix() -> None:
    """With windows of its own a row started from a prefix shows what it would have shown going on."""
    own = {"block_window": "trajectory", "conditional_window": "trajectory"}
    strategy = Script(before=start_at(8, Start(prefixes=(Prefix(0, 7),))), profile=own)
    found = candidates(next_token_pipe()(PROMPTS[0], strategy=strategy, seed=3))
    for name in ("C", "s_tok", "B", "I_hat", "D_hat"):
        np.testing.assert_array_equal(found[2].trace[name][:7], found[0].trace[name][:7])
        # The step after the prefix has the same logits, up to rounding of another batch.
        np.testing.assert_allclose(found[2].trace[name][7], found[0].trace[name][7], atol=1e-5)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (Start(prefixes=(Prefix(7, 1),)), "trajectory 7 of '3' was cut or does not exist"),
        (Start(prefixes=(Prefix(0, 99),)), "cannot start from 99 steps of trajectory 0 of '3'"),
        (Start(prefixes=(Prefix(0, 0),)), "cannot start from 0 steps"),
    ],
)
def test_what_cannot_be_started_from(pipe: ImagePipeline, start: Start, message: str) -> None:
    with pytest.raises(DecodingError, match=message):
        pipe(PROMPTS[0], strategy=Script(before=start_at(2, start)))


def test_only_a_search_that_says_so_may_start(pipe: ImagePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scripted, "may_start", False)
    with pytest.raises(DecodingError, match="Scripted starts trajectories; set its may_start to True"):
        pipe(PROMPTS[0], strategy=Script(before=start_at(2, Start(fresh=1))))


@pytest.mark.parametrize(
    ("done", "message"),
    [(lambda finished: Pick(9), "picked Pick.index=9."), (lambda finished: Start(), "picked Start")],
)
def test_a_pick_must_have_finished(pipe: ImagePipeline, done: Finish, message: str) -> None:
    with pytest.raises(DecodingError, match=message):
        pipe(PROMPTS[0], strategy=Script(done=done))


def test_a_search_that_lets_none_finish(pipe: ImagePipeline) -> None:
    with pytest.raises(DecodingError, match=r"no trajectory of '3' is left .*: enough"):
        pipe(PROMPTS[0], strategy=Script(after=lambda step: Decision.of([], len(step), "enough")))


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (Decision(np.array([0]), [None, None]), "row 1 ends without a reason"),
        (Decision(np.array([0, 1]), [None, "why"]), "or goes on with one"),
        (Decision(np.array([0, 2]), [None, None]), r"rows=\[0, 2\] names one that is not there"),
        (Decision(np.array([0, 1]), [None]), "there are 1 reasons"),
        (Decision(np.arange(2), [None] * 2, np.ones(3)), r"guidance_scale has the shape \(3,\)"),
        (Decision(np.arange(2), [None] * 2, trace={"odd": np.ones(1)}), r"odd has the shape \(1,\)"),
        (Decision(np.arange(2), [None] * 2, second_scale=np.ones(3)), r"second_scale has the shape \(3,\)"),
        (Decision(np.arange(2), [None] * 2, second_scale=np.ones(2)), "second_scale is of a second prompt"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_decision_must_fit_its_rows(pipe: ImagePipeline, when: str, decision: Decision, message: str) -> None:
    with pytest.raises(DecodingError, match=f"Scripted decided at s.* 0 what does not fit its 2 rows: .*{message}"):
        pipe(PROMPTS[0], strategy=Script(**{when: lambda step: decision}))
