"""Teaching a head from prefixes of every length how good the finished image will be."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from scalingar.analysis.drawing.kept_parts import Bar
from scalingar.analysis.verifiers.lessons import Lessons
from scalingar.rewards.verifiers import StateHead

STEPS = 600
PROMPTS = 8
"""Of a step."""
LENGTHS = 6
"""Prefixes of each of their trajectories, the whole one among them."""
RATE = 2e-3
FORGET = 0.3
"""Share of a state's numbers that a step does not see, so that none is learned by heart."""


def teach(lessons: Lessons, prompts: Sequence[int], bar: Bar, *, seed: int, steps: int = STEPS) -> StateHead:
    """A head taught with these prompts of the lessons; the same lessons and seed give the same head.

    The loss has two parts: log-loss of the order of a prompt's trajectories, weighed by how far apart their rewards are
    (what selection needs), and the square of the error of the value. Rewards are in units of their deviation.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = StateHead(lessons.config)
        optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=0.1)
        chosen = np.array(prompts)
        mean, deviation = float(lessons.reward[chosen].mean()), float(lessons.reward[chosen].std()) or 1.0
        labels = torch.from_numpy((lessons.labels - mean) / deviation).float()
        positions = torch.tensor(lessons.positions)
        for step in bar(range(steps)):
            for group in optimizer.param_groups:
                group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
            rng = np.random.default_rng((seed, step))
            rows = rng.choice(chosen, min(PROMPTS, len(chosen)), replace=False)
            places = np.unique([*rng.integers(0, len(positions), LENGTHS - 1), len(positions) - 1])
            states = torch.from_numpy(lessons.states[rows]).float()
            seen = F.dropout(states, FORGET).flatten(0, 1)
            values = head.values(seen, positions, torch.from_numpy(places)).unflatten(0, states.shape[:2])
            loss = loss_of(values, labels[rows][:, :, places])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimizer.step()
    return _in_units(head, mean, deviation).eval().requires_grad_(False)


def loss_of(values: Float[Tensor, "p n k"], truth: Float[Tensor, "p n k"]) -> Tensor:
    """Order within each prompt, and 0.3 times the squared error."""
    ahead, wanted = values[:, :, None] - values[:, None], truth[:, :, None] - truth[:, None]
    order = (F.softplus(-ahead * wanted.sign()) * wanted.abs().clamp(max=2)).mean()
    return order + 0.3 * F.mse_loss(values, truth)


def _in_units(head: StateHead, mean: float, deviation: float) -> StateHead:
    """The head with its values in units of the reward."""
    last = head.judge[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight.mul_(deviation)
        last.bias.mul_(deviation).add_(mean)
    return head


@torch.inference_mode()
def values_at(head: StateHead, lessons: Lessons, steps: Sequence[int]) -> Float[np.ndarray, "p n j"]:
    """v of every trajectory's prefixes before the draw of each of these steps."""
    positions = np.array(lessons.positions)
    places = torch.from_numpy(np.searchsorted(positions, steps, side="right") - 1)
    told = [
        head.values(torch.from_numpy(states).float(), torch.from_numpy(positions), places) for states in lessons.states
    ]
    return torch.stack(told).double().numpy()
