"""Images that join and leave a live batch at any step, each in its own manner, are those drawn alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError, DecodingError, PromptError, ScalingarError
from scalingar.core.outputs import Candidate, PromptResult
from scalingar.pipeline.orders import open_engine, order_of
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies import STRATEGIES, Strategy
from scalingar.strategies.engine.open_engine import OpenEngine
from scalingar.strategies.search import Search, Step
from scalingar.strategies.setting import Setting
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe, var_pipe

STRICT = {"name": "scaling-ar", "num_trajectories": 4, "gate": {"quantile": 0.4, "warmup_fraction": 0.1}}
NEXT_TOKEN: list[dict[str, Any]] = [
    {"prompt": "a red cat", "strategy": STRICT},
    {"prompt": "two dogs", "strategy": {**STRICT, "profile": {"distribution": "conditional"}}, "seed": 3},
    {"prompt": "four cups", "strategy": "successive-halving", "sampling": {"top_k": 5}, "seed": 2},
    {"prompt": "a blue cow", "strategy": "single", "sampling": {"greedy": True}, "guidance_scale": 5.0},
    {
        "prompt": "a red cat",
        "strategy": "most-confident-of-n",
        "guidance_scale": 2.0,
        "sampling": {"guidance_interval": 6},
    },
    {"prompt": "three clocks", "strategy": {"name": "best-of-n", "reward": "pmi", "num_trajectories": 3}, "seed": 9},
    {"prompt": "three clocks", "strategy": STRICT, "seed": 1},
]
NEXT_SCALE: list[dict[str, Any]] = [
    {"prompt": "3", "strategy": {"name": "tts-var", "reward": "pmi"}},
    {"prompt": "1", "strategy": {"name": "random-of-n", "num_trajectories": 3}, "sampling": {"top_k": 2}, "seed": 4},
    {"prompt": "4", "strategy": "single", "guidance_scale": 2.5, "sampling": {"greedy": True}},
    {"prompt": "3", "strategy": {"name": "best-of-n", "reward": "pmi"}, "seed": 8},
]
LAYOUT = {"name": "gridar", "num_trajectories": 4, "reward": "log-likelihood", "rewrite": "layout"}
SECOND: list[dict[str, Any]] = [
    {"prompt": "a red cat and a dog", "strategy": LAYOUT},
    {
        "prompt": "two dogs",
        "strategy": {**LAYOUT, "rewrite": "text:a cup above a dog"},
        "seed": 3,
        "guidance_scale": 5.0,
    },
    {"prompt": "a cup and a cow", "strategy": LAYOUT, "sampling": {"top_k": 5, "guidance_interval": 9}, "seed": 2},
    {"prompt": "a red cat", "strategy": {**LAYOUT, "profile": {"distribution": "conditional"}}, "seed": 1},
]
PIPES: dict[str, tuple[Callable[[], ImagePipeline], list[dict[str, Any]]]] = {
    "next-token": (tiny_pipe, NEXT_TOKEN),
    "captured": (lambda: tiny_pipe(cuda_graphs=True), NEXT_TOKEN),
    "three branches": (tiny_pipe, SECOND),
    "three branches, captured": (lambda: tiny_pipe(cuda_graphs=True), SECOND),
    "var": (var_pipe, NEXT_SCALE),
    "infinity": (infinity_pipe, NEXT_SCALE),
}


def engine_of(pipe: ImagePipeline, *, branches: int = 2, max_rows: int | None = None) -> OpenEngine:
    usual = Recipe.from_dict({"strategy": "random-of-n", "guidance_scale": 3.0 if branches > 1 else 1.0}).resolved(pipe)
    return open_engine(pipe, usual, pipe._condition, branches=branches, max_rows=max_rows)


def submit(engine: OpenEngine, pipe: ImagePipeline, case: dict[str, Any]) -> int:
    recipe = Recipe.from_dict(case).resolved(pipe)
    assert recipe.prompt is not None
    return engine.submit(order_of(pipe, recipe, recipe.prompt, recipe.seed))


def checked_step(engine: OpenEngine) -> None:
    engine.step()
    if engine.live is not None:
        engine.live.check()


def result(engine: OpenEngine, number: int) -> PromptResult:
    outcome = engine.outcomes[number]
    assert isinstance(outcome, PromptResult)
    return outcome


def same(found: list[Candidate], expected: list[Candidate]) -> bool:
    return [c.fate for c in found] == [c.fate for c in expected] and all(
        torch.equal(a.codes, b.codes) for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "max_rows"),
    [
        ("next-token", None),
        ("next-token", 9),
        ("captured", None),
        ("three branches", 9),
        ("three branches, captured", None),
        ("var", None),
        ("infinity", 9),
    ],
)
def test_images_that_join_at_any_step_are_those_drawn_alone(name: str, max_rows: int | None) -> None:
    make, cases = PIPES[name]
    pipe = make()
    engine, numbers = engine_of(pipe, branches=3 if cases is SECOND else 2, max_rows=max_rows), []
    for case in cases:
        numbers.append(submit(engine, pipe, case))
        for _ in range(2):
            checked_step(engine)
    while engine.busy:
        checked_step(engine)
    for number, case in zip(numbers, cases, strict=True):
        alone = pipe(**case).results[0]
        assert same(result(engine, number).candidates, alone.candidates), case
        assert result(engine, number).chosen == alone.chosen
        assert result(engine, number).best.image is not None
    drawn = sum(candidate.drawn for number in numbers for candidate in result(engine, number).candidates)
    assert engine.ledger.tokens == drawn
    assert engine.live is None


@pytest.mark.parametrize("name", ["next-token", "captured", "var"])
def test_whoever_leaves_frees_its_rows_and_changes_nobody(name: str) -> None:
    make, cases = PIPES[name]
    pipe = make()
    engine = engine_of(pipe)
    leaves, stays = submit(engine, pipe, cases[0]), submit(engine, pipe, cases[1])
    for _ in range(2):
        checked_step(engine)
    rows = engine.live_rows
    engine.cancel(leaves)
    assert engine.live is not None
    engine.live.check()
    assert 0 < engine.live_rows < rows
    checked_step(engine)
    assert engine.live is not None
    assert len(engine.live) <= engine.live.trajectories.fitting(engine.live_rows), "the batch is smaller after a step"
    while engine.busy:
        checked_step(engine)
    assert same(result(engine, stays).candidates, pipe(**cases[1]).candidates[0])
    assert leaves not in engine.outcomes
    engine.cancel(stays)  # nothing to do


def test_the_last_to_leave_leaves_nothing() -> None:
    pipe = tiny_pipe(cuda_graphs=True)
    engine = engine_of(pipe)
    number = submit(engine, pipe, {"prompt": "a red cat", "strategy": "random-of-n"})
    waiting = submit(engine_of(pipe), pipe, NEXT_TOKEN[0])
    assert waiting == number == 0, "numbers are an engine's own"
    for _ in range(3):
        checked_step(engine)
    engine.cancel(number)
    assert (engine.live, engine.busy, engine.live_rows, engine.step()) == (None, False, 0, [])
    again = submit(engine, pipe, NEXT_TOKEN[2])
    while engine.busy:
        checked_step(engine)
    assert same(result(engine, again).candidates, pipe(**NEXT_TOKEN[2]).candidates[0])


def test_those_who_wait_are_served_in_order_and_within_the_rows() -> None:
    pipe = tiny_pipe()
    engine = engine_of(pipe, max_rows=8)
    cases = [{"prompt": "a dog", "strategy": {"name": "random-of-n", "num_trajectories": n}} for n in (5, 6, 1, 1)]
    numbers = [submit(engine, pipe, case) for case in cases]
    checked_step(engine)
    assert engine.waiting == numbers[1:], "nobody overtakes the second, who does not fit"
    while engine.busy:
        assert engine.live_rows <= 8
        checked_step(engine)
    assert list(engine.outcomes) == [numbers[0], *numbers[1:]]


class Breaking(Search):
    """Gives up at the fifth step."""

    def before_draw(self, step: Step) -> None:
        if step.position == 4:
            raise DecodingError("as it was told to.")


def breaking(strategy: Strategy, setting: Setting) -> Search:
    return Breaking(strategy, setting)


def test_an_error_of_one_is_not_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STRATEGIES["pmi-of-n"], "search", breaking)
    pipe = tiny_pipe()
    engine = engine_of(pipe)
    broken = submit(engine, pipe, {"prompt": "a red cat", "strategy": "pmi-of-n"})
    unread = submit(engine, pipe, {"prompt": "xylophone", "strategy": "single"})
    whole = submit(engine, pipe, NEXT_TOKEN[0])
    while engine.busy:
        checked_step(engine)
    assert str(engine.outcomes[broken]) == "as it was told to."
    assert isinstance(engine.outcomes[unread], PromptError)
    assert same(result(engine, whole).candidates, pipe(**NEXT_TOKEN[0]).candidates[0])


def test_a_reward_that_fails_ends_its_image_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tiny_pipe()
    engine = engine_of(pipe)

    def fails(candidates: list[Candidate]) -> list[float]:
        raise ConfigError("the reward fails.")

    failing, whole = submit(engine, pipe, NEXT_TOKEN[5]), submit(engine, pipe, NEXT_TOKEN[2])
    monkeypatch.setattr(type(pipe.reward("pmi")), "__call__", lambda self, candidates: fails(candidates))
    while engine.busy:
        checked_step(engine)
    assert isinstance(engine.outcomes[failing], ScalingarError)
    assert isinstance(engine.outcomes[whole], PromptResult)


def test_the_leader_is_the_most_confident_and_as_far_as_the_batch() -> None:
    pipe = tiny_pipe()
    engine = engine_of(pipe)
    number = submit(engine, pipe, {"prompt": "a red cat", "strategy": "random-of-n", "num_images_per_prompt": 1})
    assert engine.leading(number) is None
    for _ in range(6):
        checked_step(engine)
    leader = engine.leading(number)
    assert leader is not None
    while engine.busy:
        checked_step(engine)
    candidates = result(engine, number).candidates
    assert torch.equal(leader.codes, candidates[leader.index].codes[:6])
    assert leader.index == max(range(len(candidates)), key=lambda i: candidates[i].trace["C"][5])


def test_images_of_other_branches_are_not_mixed() -> None:
    pipe = tiny_pipe()
    with pytest.raises(ValueError, match=r"\(3, False\) in an engine of \(2, False\)"):
        submit(engine_of(pipe), pipe, SECOND[0])
    case: dict[str, Any] = {"prompt": "a red cat", "strategy": STRICT, "guidance_scale": 1.0}
    with pytest.raises(ValueError, match=r"\(1, False\) in an engine of \(2, False\)"):
        submit(engine_of(pipe), pipe, case)
    engine = engine_of(pipe, branches=1)
    number = submit(engine, pipe, case)
    while engine.busy:
        checked_step(engine)
    assert same(result(engine, number).candidates, pipe(**case).candidates[0])


def test_strategies_of_the_other_family_are_refused() -> None:
    pipe = tiny_pipe()
    with pytest.raises(ConfigError, match="tts-var is for next-scale models"):
        submit(engine_of(pipe), pipe, {"prompt": "a red cat", "strategy": {"name": "tts-var", "reward": "pmi"}})


@pytest.mark.parametrize("kind", PIPES)
def test_all_trajectories_between_two_steps(kind: str) -> None:
    """Whoever is in the batch too, they are the beginnings of those at the end, and none is lost."""
    make, cases = PIPES[kind]
    pipe = make()
    engine = engine_of(pipe, branches=3 if cases is SECOND else 2)
    number = submit(engine, pipe, cases[0])
    assert engine.so_far(number) == [], "it waits"
    engine.step()
    submit(engine, pipe, cases[2])
    seen: list[list[Candidate]] = []
    while number not in engine.outcomes:
        seen.append(engine.so_far(number))
        checked_step(engine)
    assert engine.so_far(number) == [], "it is done"
    end = result(engine, number).candidates
    assert any(one.cut is not None for one in seen[-1]), "ended ones are told, too"
    for moment in seen:
        assert [one.index for one in moment] == list(range(len(moment)))
        for one, done in zip(moment, end, strict=False):
            assert torch.equal(one.codes, done.codes[: len(one.codes)])
            assert (one.parent, one.born, one.inherited) == (done.parent, done.born, done.inherited)
            assert one.cut in (None, done.cut)
            for name, values in one.trace.items():
                np.testing.assert_array_equal(values, done.trace[name][: len(values)])
