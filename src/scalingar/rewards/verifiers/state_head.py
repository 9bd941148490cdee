"""A small head that reads the hidden states of a whole prefix, one after the other, and values it."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import PositiveInt
from torch import Tensor, nn

from scalingar.core.settings import Settings


class StateHeadConfig(Settings):
    """Sizes of the head."""

    states: PositiveInt
    """d, width of the model's hidden states."""
    steps: PositiveInt
    """T, steps of a finished image."""
    every: PositiveInt = 1
    """The states of the steps 0, ``every``, 2 · ``every`` ... and of the last one are read."""
    width: PositiveInt = 64
    """w, into which a state is projected."""

    def reads(self, positions: Int[Tensor, " k"]) -> Tensor:
        """Which of these steps it reads, ``(k,)``."""
        return (positions % self.every == 0) | (positions == self.steps - 1)


VALUE_SCALE = 1.0
"""Order of the terms that a value is the sum of; :data:`~scalingar.profile.rounding.ROUNDING` of it decides nothing."""


class StateHead(nn.Module):
    """u_t = gelu(W · norm(s_t) + p_t), g_t and v_t linear in u_t, memory Σ σ(g_t) · v_t and Σ σ(g_t), value of both.

    The sums make it a causal reader of the whole prefix in which a row keeps 3 w numbers, whatever its length: the
    sums, and u of the last state. What each state adds depends on what it says and where it stands.
    """

    def __init__(self, config: StateHeadConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.norm = nn.LayerNorm(config.states, elementwise_affine=False)
        self.project = nn.Linear(config.states, width)
        self.places = nn.Parameter(torch.randn(config.steps, width) * 0.02)
        self.gate, self.say = nn.Linear(width, width), nn.Linear(width, width)
        self.judge = nn.Sequential(nn.Linear(3 * width + 1, width), nn.GELU(), nn.Linear(width, 1))

    def start(self, rows: int, device: torch.device | str = "cpu") -> Float[Tensor, "n m"]:
        """The memory of rows of which nothing is read."""
        return torch.zeros(rows, 3 * self.config.width, device=device)

    def noted(
        self, states: Float[Tensor, "*n d"], positions: Int[Tensor, "*n"]
    ) -> tuple[Float[Tensor, "*n m"], Float[Tensor, "*n w"]]:
        """What each state at its step adds to the sums, and u."""
        u = F.gelu(self.project(self.norm(states)) + self.places[positions])
        weight = self.gate(u).sigmoid()
        return torch.cat([weight * self.say(u), weight], -1), u

    def read(
        self, memory: Float[Tensor, "n m"], states: Float[Tensor, "n d"], positions: Int[Tensor, " n"]
    ) -> Float[Tensor, "n m"]:
        """The memory after one more state per row, of the step ``positions``."""
        added, u = self.noted(states, positions)
        return torch.cat([memory[:, : added.shape[-1]] + added, u], -1)

    def value(self, memory: Float[Tensor, "*n m"], positions: Int[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """v of prefixes whose last read state is of the step ``positions``."""
        said, weight, last = memory.chunk(3, -1)
        share = ((positions + 1) / self.config.steps)[..., None].to(memory.dtype)
        reads = self.config.steps / self.config.every
        answer: Tensor = self.judge(torch.cat([said / (weight + 1), 4 * said / reads, last, share], -1))
        return answer[..., 0]

    def values(
        self, states: Float[Tensor, "n k d"], positions: Int[Tensor, " k"], places: Int[Tensor, " j"]
    ) -> Float[Tensor, "n j"]:
        """v of the prefixes that end with the states number ``places`` of ``k`` in order; for training."""
        rows = positions.expand(len(states), -1)
        added, u = self.noted(states, rows)
        memory = torch.cat([added.cumsum(1), u], -1)[:, places]
        return self.value(memory, rows[:, places])
