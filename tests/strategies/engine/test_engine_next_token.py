"""The live batch over many prompts: places are taken over, and nothing but time depends on it."""

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies import STRATEGIES, MostConfidentOfN
from scalingar.strategies.build_strategy import build_strategy
from scalingar.strategies.search import Search, Step
from tests.tiny.pipes import tiny_pipe
from tests.tiny.verifiers import with_verifier

PROMPTS = ["a dog", "two cats", "a blue cow", "a bird above a cup", "three clocks", "a red bus", "a cat"]


@pytest.mark.parametrize("name", [name for name in STRATEGIES if "next-token" in STRATEGIES[name].serves])
def test_images_do_not_depend_on_how_many_rows_are_alive(name: str) -> None:
    pipe, settings = tiny_pipe(), with_verifier(name, 32, 16)
    together = pipe(PROMPTS, strategy=settings, seed=4)
    count = build_strategy(name).num_trajectories
    for max_rows in (count, 2 * count, 3 * count + 1):
        few = pipe(PROMPTS, strategy=settings, seed=4, max_rows=max_rows)
        for wanted, got in zip(together.results, few.results, strict=True):
            assert wanted.prompt == got.prompt
            assert [c.fate for c in wanted.candidates] == [c.fate for c in got.candidates]
            assert all(torch.equal(a.codes, b.codes) for a, b in zip(wanted.candidates, got.candidates, strict=True))
            assert wanted.chosen == got.chosen
            for a, b in zip(wanted.candidates, got.candidates, strict=True):
                np.testing.assert_allclose(a.trace["C"], b.trace["C"], atol=1e-4)


def test_the_batch_stays_within_its_rows_and_is_filled_from_cut_places() -> None:
    pipe = tiny_pipe()
    stream = pipe.stream(PROMPTS, strategy="scaling-ar", seed=4, num_trajectories=4, max_rows=8)
    alive: dict[int, int] = {}
    overlapping = False
    for event in stream:
        alive[event.prompt] = len(event.indices) - len(event.cut)
        if event.position == event.total_steps - 1:
            alive[event.prompt] = 0
        assert sum(alive.values()) <= 8
        overlapping |= event.position == 0 and any(0 < alive[p] < 4 for p in alive if p != event.prompt)
    assert overlapping  # a prompt began in places others had left
    assert stream.output is not None
    ledger = stream.output.ledger
    assert ledger.tokens == sum(c.tokens for some in stream.output.candidates for c in some)
    assert ledger.forward_rows >= 2 * (ledger.tokens - len(PROMPTS))


def test_a_search_sees_the_logits_its_statistics_are_of(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = set()

    class Checked(Search):
        def before_draw(self, step: Step) -> None:
            distribution = torch.distributions.Categorical(logits=step.logits[0])
            np.testing.assert_allclose(step.statistics.entropy, distribution.entropy(), rtol=1e-4, atol=1e-5)
            sizes.add(tuple(step.logits.shape[:2]))

    monkeypatch.setattr(MostConfidentOfN, "search", lambda self, setting: Checked(self, setting, 2))
    strategy = MostConfidentOfN(num_trajectories=2, profile={"distribution": "conditional"})
    tiny_pipe()(PROMPTS[:3], strategy=strategy, guidance_scale=3.0, max_rows=4)
    assert sizes == {(2, 2)}


def test_prompts_enter_in_order() -> None:
    first_seen = []
    for event in tiny_pipe().stream(PROMPTS, strategy="single", max_rows=2):
        if event.prompt not in first_seen:
            first_seen.append(event.prompt)
    assert first_seen == list(range(len(PROMPTS)))


def test_a_cache_whose_rows_go_in_step_takes_prompts_in_waves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalingar.models.llamagen.kv_cache.KVCache.lockstep", property(lambda self: True))
    pipe: ImagePipeline = tiny_pipe()
    positions: list[set[int]] = []
    seen: dict[int, int] = {}
    for event in pipe.stream(PROMPTS, strategy="scaling-ar", num_trajectories=2, max_rows=4):
        seen[event.prompt] = event.position
        live = {at for at in seen.values() if at < event.total_steps - 1}
        positions.append(live)
    assert all(max(live) - min(live) <= 1 for live in positions if live)


def test_too_few_rows_for_one_image_are_refused() -> None:
    with pytest.raises(ConfigError, match="max_rows is 3; one image alone needs 8"):
        tiny_pipe()("a dog", max_rows=3)
