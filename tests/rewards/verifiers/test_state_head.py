"""The head against the same in NumPy, and reading step by step against reading all at once."""

import math

import numpy as np
import torch
from torch import Tensor

from scalingar.rewards.verifiers import StateHead, StateHeadConfig, StateReading
from tests.tiny.verifiers import random_verifier, state_head

STATES, STEPS = 6, 10


def head(every: int = 1) -> StateHead:
    return state_head(random_verifier(STATES, STEPS, every=every))


def states() -> Tensor:
    return torch.randn(3, STEPS, STATES, generator=torch.Generator().manual_seed(4))


def gelu(x: np.ndarray) -> np.ndarray:
    return np.asarray(x * 0.5 * (1 + np.vectorize(math.erf)(x / np.sqrt(2))))


def restated(head: StateHead, states: np.ndarray) -> float:
    """The value of one prefix, of which all states are read."""
    weights = {name: tensor.double().numpy() for name, tensor in head.state_dict().items()}

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    normed = (states - states.mean(1, keepdims=True)) / np.sqrt(states.var(1, keepdims=True) + 1e-5)
    u = gelu(linear("project", normed) + weights["places"][: len(states)])
    gate = 1 / (1 + np.exp(-linear("gate", u)))
    said, weight = (gate * linear("say", u)).sum(0), gate.sum(0)
    share = len(states) / STEPS
    seen = np.concatenate([said / (weight + 1), 4 * said / STEPS, u[-1], [share]])
    return float(linear("judge.2", gelu(linear("judge.0", seen[None])))[0, 0])


def test_the_value_is_that_of_the_equations() -> None:
    reading, own, seen = StateReading(head(), 3), head(), states()
    for step in range(STEPS):
        reading.read(seen[:, step], torch.full((3,), step))
        wanted = [restated(own, row[: step + 1].double().numpy()) for row in seen]
        np.testing.assert_allclose(reading.values().numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_training_reads_all_at_once_what_a_search_reads_step_by_step() -> None:
    own, seen = head(every=3), states()
    kept = own.config.reads(torch.arange(STEPS)).nonzero()[:, 0]
    assert kept.tolist() == [0, 3, 6, 9]
    together = own.values(seen[:, kept], kept, torch.arange(len(kept)))
    reading = StateReading(own, 3)
    for step in range(STEPS):
        reading.read(seen[:, step], torch.full((3,), step))
        place = int((kept <= step).sum()) - 1
        torch.testing.assert_close(reading.values(), together[:, place])


def test_forks_keep_what_was_read_and_new_rows_begin() -> None:
    seen, reading, alone = states(), StateReading(head(), 3), StateReading(head(), 1)
    for step in range(4):
        reading.read(seen[:, step], torch.full((3,), step))
    before = reading.values()
    reading.select(torch.tensor([2, 2, 0, -1]))
    torch.testing.assert_close(reading.values()[:3], before[[2, 2, 0]])
    torch.testing.assert_close(reading.values()[3], alone.values()[0])
    reading.read(torch.cat([seen[[2, 2, 0], 4], seen[:1, 0]]), torch.tensor([4, 4, 4, 0]))
    alone.read(seen[:1, 0], torch.tensor([0]))
    torch.testing.assert_close(reading.values()[3], alone.values()[0])
    torch.testing.assert_close(reading.values()[0], reading.values()[1])


def test_a_head_has_few_weights() -> None:
    large = StateHead(StateHeadConfig(states=2048, steps=1024, every=8))
    assert sum(weights.numel() for weights in large.parameters()) * 4 < 2e6
