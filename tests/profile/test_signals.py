from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from scalingar.profile import Signals, TokenStatistics
from scalingar.profile.token import token_statistics

NAMES = {
    "pmi",
    "log_likelihood",
    "entropy",
    "deepconf",
    "confidence",
    "lowest_group_confidence",
    "final_confidence",
}


def statistics(entropy: Tensor, deepconf: Tensor, c: Tensor, u: Tensor | None = None) -> TokenStatistics:
    zero = torch.zeros_like(entropy)
    return TokenStatistics(
        entropy=entropy,
        normalized_entropy=zero,
        margin=zero,
        deepconf=deepconf,
        kl=zero,
        log_conditional=c.log_softmax(-1),
        log_unconditional=(c if u is None else u).log_softmax(-1),
    )


def constant_step(signals: Signals, deepconf: float, n: int = 1) -> Signals:
    values = torch.full((n,), deepconf)
    tokens = torch.zeros(n, dtype=torch.long)
    return signals.update(statistics(values, values, torch.zeros(n, 4)), values, tokens)


class Run:
    """Random steps, and the signals after them."""

    def __init__(self, seed: int, steps: int = 40, n: int = 3) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.c, self.u = torch.randn(2, steps, n, 6, generator=generator)
        self.drawn = torch.randint(6, (steps, n), generator=generator)
        self.numbers = torch.rand(3, steps, n, generator=generator)
        self.signals = Signals.start(n)
        for t in range(steps):
            self.signals = self.step(self.signals, t)

    def step(self, signals: Signals, t: int, rows: slice | list[int] = slice(None)) -> Signals:
        entropy, deepconf, confidence = self.numbers[:, t, rows]
        return signals.update(
            statistics(entropy, deepconf, self.c[t, rows], self.u[t, rows]),
            confidence,
            self.drawn[t, rows],
        )


def log_p(logits: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return np.log(np.take_along_axis(p, drawn[..., None], -1)[..., 0])


def test_two_steps_worked_by_hand() -> None:
    # p(x|c) = 3/4 then 1/2, p(x|0) = 1/4 then 1/2: PMI = ln 3 + 0, mean ln p = (ln 3/4 + ln 1/2)/2.
    signals = Signals.start(1)
    even, odd = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log()
    first = statistics(torch.tensor([1.0]), torch.tensor([4.0]), odd, odd.flip(1))
    second = statistics(torch.tensor([3.0]), torch.tensor([5.0]), even, even)
    token = torch.tensor([1])
    signals = signals.update(first, torch.tensor([0.2]), token)
    signals = signals.update(second, torch.tensor([0.6]), token)
    expected = {
        "pmi": math.log(3),
        "log_likelihood": (math.log(0.75) + math.log(0.5)) / 2,
        "entropy": 2.0,
        "deepconf": 4.5,
        "confidence": 0.4,
        "lowest_group_confidence": 4.5,
        "final_confidence": 0.6,
    }
    values = signals.values()
    assert {name: value.item() for name, value in values.items()} == pytest.approx(expected)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_agrees_with_a_restatement(seed: int) -> None:
    run = Run(seed)
    values = run.signals.values()
    drawn = run.drawn.numpy()
    with_prompt = log_p(run.c.numpy(), drawn)
    pmi = (with_prompt - log_p(run.u.numpy(), drawn)).sum(0)
    np.testing.assert_allclose(values["pmi"], pmi, atol=1e-4)
    np.testing.assert_allclose(values["log_likelihood"], with_prompt.mean(0), atol=1e-5)
    for name, numbers in zip(("entropy", "deepconf", "confidence"), run.numbers, strict=True):
        np.testing.assert_allclose(values[name], numbers.numpy().mean(0), atol=1e-6)
    deepconf = run.numbers[1].numpy()
    groups = [deepconf[t : t + 32].mean(0) for t in range(len(deepconf) - 31)]
    np.testing.assert_allclose(values["lowest_group_confidence"], np.min(groups, 0), atol=1e-6)
    np.testing.assert_array_equal(values["final_confidence"], run.numbers[2, -1])


def test_the_lowest_group_is_a_full_one_and_is_remembered() -> None:
    signals = constant_step(Signals.start(1), 0.0)
    assert signals.values()["lowest_group_confidence"].item() == 0
    for _ in range(31):
        signals = constant_step(signals, 32.0)
    # The first full group, not its low beginning: 31 · 32 / 32.
    assert signals.values()["lowest_group_confidence"].item() == 31
    for _ in range(40):
        signals = constant_step(signals, 64.0)
    assert signals.values()["lowest_group_confidence"].item() == 31


def test_without_unconditional_logits_there_is_no_information_about_the_prompt() -> None:
    assert constant_step(Signals.start(2), 1.0, n=2).values()["pmi"].tolist() == [0, 0]


def test_before_the_first_step_nothing_is_known() -> None:
    values = Signals.start(2).values()
    assert set(values) == NAMES
    assert values.pop("pmi").tolist() == [0, 0]
    assert all(value.isnan().all() for value in values.values())


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_selecting_commutes_with_updating(seed: int, rows: list[int]) -> None:
    run, chosen = Run(seed, steps=4), torch.tensor(rows)
    before = run.step(run.signals.select(chosen), 3, rows).values()
    after = run.step(run.signals, 3).select(chosen).values()
    assert all(torch.equal(before[name], after[name]) for name in NAMES)


def test_a_broken_row_is_alone() -> None:
    run = Run(0, steps=4)
    wanted = run.signals.values()
    run.c[:, 1] = torch.nan
    signals = Signals.start(3)
    for t in range(4):
        signals = run.step(signals, t)
    values = signals.values()
    assert values["pmi"][1].isnan()
    assert torch.equal(values["pmi"][[0, 2]], wanted["pmi"][[0, 2]])


def test_the_probability_of_a_drawn_token_worked_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(3)], [-torch.inf, 2.0]])
    statistics = token_statistics(
        logits, logits.flip(1), guidance_scale=1.0, distribution="conditional", deepconf_top_k=2
    )
    got = statistics.drawn(torch.tensor([1, 1]))
    torch.testing.assert_close(got, torch.tensor([[math.log(0.75), 0.0], [math.log(0.25), -70.0]]))
