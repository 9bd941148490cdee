"""What a verifier learns from: hidden states of complete trajectories, with the reward of each finished image."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float16
from torch import Tensor

from scalingar.analysis.drawing.drawn_by import drawn_by
from scalingar.analysis.drawing.kept_parts import Bar, Columns, KeptParts
from scalingar.bench.image_seeds import image_seed
from scalingar.core.errors import ConfigError
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards.verifiers import StateHeadConfig
from scalingar.strategies.best_of_n import BestOfN
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Search, Step
from scalingar.strategies.setting import Setting

MOST_STATES = 128
"""Of a trajectory that are kept, about; a longer image is read at every second step, every third, and so on."""
TOGETHER = 4
"""Prompts drawn together and stored in a file."""


@dataclass(frozen=True)
class Plan:
    """All that decides the bytes of the lessons."""

    prompts: Sequence[str]
    reward: str
    trajectories: int
    seed: int

    def told(self, pipe: ImagePipeline) -> dict[str, Any]:
        """As JSON, with the model. Raises ConfigError, WeightsError: the reward cannot be loaded."""
        return {
            **drawn_by(pipe, self.strategy()),
            "reward": self.reward,
            "trajectories": self.trajectories,
            "seed": self.seed,
            "prompts": list(self.prompts),
        }

    def strategy(self) -> "Recorded":
        """What draws the lessons of some prompts."""
        return Recorded(num_trajectories=self.trajectories, reward=self.reward)


@dataclass(frozen=True)
class Lessons:
    """Of ``p`` prompts with ``n`` trajectories of ``T`` steps; ``positions``: the steps whose states are kept.

    ``states``: before the draw of each of them. ``confidence``: C at every step.
    """

    positions: Sequence[int]
    states: Float16[np.ndarray, "p n k d"]
    confidence: Float[np.ndarray, "p n t"]
    reward: Float[np.ndarray, "p n"]

    @property
    def config(self) -> StateHeadConfig:
        """Of a head that reads them."""
        steps = self.confidence.shape[2]
        return StateHeadConfig(states=self.states.shape[-1], steps=steps, every=every(steps))


def sha256_of(prompts: Sequence[str]) -> str:
    """Of prompts, one a line."""
    return hashlib.sha256("\n".join(prompts).encode()).hexdigest()


def every(steps: int) -> int:
    """How many steps apart states are read."""
    return max(1, round(steps / MOST_STATES))


def kept_positions(steps: int) -> list[int]:
    """The steps whose states are kept: those that a head reads."""
    config = StateHeadConfig(states=1, steps=steps, every=every(steps))
    return config.reads(torch.arange(steps)).nonzero()[:, 0].tolist()


def collect(pipe: ImagePipeline, plan: Plan, folder: Path, bar: Bar) -> Lessons:
    """Draw what is missing in ``folder``, and read all.

    Raises:
        ConfigError: the model tells no hidden states, or the reward fails. OutputError: the folder is of another plan.
    """

    def draw(part: slice) -> Columns:
        return _draw(pipe, plan, plan.prompts[part])

    together = KeptParts(folder, "lessons", TOGETHER).fill(plan.told(pipe), len(plan.prompts), draw, bar)
    return Lessons(kept_positions(together["confidence"].shape[2]), **together)


def _draw(pipe: ImagePipeline, plan: Plan, prompts: Sequence[str]) -> Columns:
    """The columns of some prompts, as in :class:`Lessons`."""
    strategy = plan.strategy()
    seeds = [image_seed(plan.seed, prompt, 0) for prompt in prompts]
    output = pipe(list(prompts), strategy=strategy, seed=seeds, output_type="codes")
    for result in output.results:
        if len(result.candidates) < plan.trajectories or not all(one.finished for one in result.candidates):
            raise ConfigError(f"{result.prompt!r} lost a trajectory whose logits are no numbers; leave it out.")
    return {
        "states": np.stack([torch.stack(one.states, 1).numpy() for one in strategy.recordings]),
        "confidence": np.stack([np.stack([one.trace["C"] for one in some]) for some in output.candidates]),
        "reward": np.array([[one.rewards[plan.reward] for one in some] for some in output.candidates], np.float32),
    }


class Recorded(BestOfN):
    """Best-of-N that keeps the hidden states, one recording per image of a call, in order."""

    _recordings: list["Recording"] = []  # noqa: RUF012  (pydantic copies a private default per strategy)

    def needs(self) -> Needs:
        """Reward and states."""
        return Needs(rewarded=True, reward=self.reward, states=True)

    @property
    def recordings(self) -> list["Recording"]:
        """Of the images of the last call."""
        return self._recordings

    def search(self, setting: Setting) -> "Recording":
        """A new search for one image."""
        self._recordings.append(Recording(self, setting))
        return self._recordings[-1]


class Recording(Search):
    """The search for one image; ``states``: of its rows, ``(n, d)`` each."""

    def __init__(self, strategy: Recorded, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.positions = set(kept_positions(setting.total_steps))
        self.states: list[Tensor] = []

    def before_draw(self, step: Step) -> None:
        """Keep the states where a head reads them."""
        if step.position in self.positions:
            self.states.append(step.states.half().cpu())
