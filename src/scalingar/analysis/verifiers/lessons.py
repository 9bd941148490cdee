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
from scalingar.analysis.prefixes.forks import Forked, Forking, arranged, lost, means_by_length, setting_of
from scalingar.bench.image_seeds import image_seed
from scalingar.core.outputs import Candidate
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards.verifiers import StateHeadConfig
from scalingar.strategies.needs import Needs
from scalingar.strategies.rivals.judged import step_at
from scalingar.strategies.search import Step
from scalingar.strategies.setting import Setting

FORKED = (1 / 4, 1 / 2, 3 / 4)
"""Shares of the steps from which trajectories are completed again."""
MOST_STATES = 128
"""Of a trajectory that are kept, about; a longer image is read at every second step, every third, and so on."""
TOGETHER = 4
"""Prompts drawn together and stored in a file."""


@dataclass(frozen=True)
class Plan:
    """All that decides the bytes of the lessons.

    ``completions``: of each trajectory's first quarter, half and three quarters, itself among them.
    """

    prompts: Sequence[str]
    reward: str
    trajectories: int
    seed: int
    completions: int = 1

    def told(self, pipe: ImagePipeline) -> dict[str, Any]:
        """As JSON, with the model. Raises ConfigError, WeightsError: the reward cannot be loaded."""
        return {
            **drawn_by(pipe, self.strategy(pipe)),
            "reward": self.reward,
            "trajectories": self.trajectories,
            "completions": self.completions,
            "seed": self.seed,
            "prompts": list(self.prompts),
        }

    def strategy(self, pipe: ImagePipeline) -> "Recorded":
        """What draws the lessons of some prompts."""
        setting = setting_of(pipe)
        lengths = {step_at(share, setting) for share in FORKED} - {setting.total_steps}
        return Recorded(
            num_trajectories=self.trajectories,
            reward=self.reward,
            completions=self.completions,
            lengths=tuple(sorted(lengths)) if self.completions > 1 else (),
        )


@dataclass(frozen=True)
class Lessons:
    """Of ``p`` prompts with ``n`` trajectories of ``T`` steps; ``positions``: the steps whose states are kept.

    ``states``: before the draw of each of them. ``confidence``: C at every step. ``reward``: of the finished images.
    ``labels``: of the prefix before the draw of each of the positions the mean reward of all completions that begin
    with it, the trajectory itself among them.
    """

    positions: Sequence[int]
    states: Float16[np.ndarray, "p n k d"]
    confidence: Float[np.ndarray, "p n t"]
    reward: Float[np.ndarray, "p n"]
    labels: Float[np.ndarray, "p n k"]

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
    strategy = plan.strategy(pipe)
    seeds = [image_seed(plan.seed, prompt, 0) for prompt in prompts]
    output = pipe(list(prompts), strategy=strategy, seed=seeds, output_type="codes")
    for result in output.results:
        if len(result.candidates) < plan.trajectories or not all(one.finished for one in result.candidates):
            raise lost(result.prompt)
    own = [[one for one in some if one.parent is None] for some in output.candidates]
    confidence = np.stack([np.stack([one.trace["C"] for one in some]) for some in own])
    reward = np.array([[one.rewards[plan.reward] for one in some] for some in own], np.float32)
    labels = np.repeat(reward[..., None], len(kept_positions(confidence.shape[2])), 2)
    if strategy.lengths:
        labels = np.stack([soft_labels(result.candidates, strategy, confidence.shape[2]) for result in output.results])
    return {
        "states": np.stack([torch.stack(one.states, 1).numpy() for one in strategy.recordings]),
        "confidence": confidence,
        "reward": reward,
        "labels": labels,
    }


def soft_labels(candidates: Sequence[Candidate], strategy: Forked, steps: int) -> Float[np.ndarray, "n k"]:
    """Of the prefix before the draw of each kept position: the mean reward of all completions that begin with it."""
    means = means_by_length(arranged(candidates, strategy))
    return means[:, np.searchsorted(strategy.lengths, kept_positions(steps))].astype(np.float32)


class Recorded(Forked):
    """Best-of-N, and completions of its prefixes, that keeps the N trajectories' hidden states.

    One recording per image of a call, in order.
    """

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
        return Recording(self, setting)


class Recording(Forking):
    """The search for one image; ``states``: of its rows, ``(n, d)`` each."""

    def __init__(self, strategy: Recorded, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.recorded, self.drawn = strategy, False
        self.positions = set(kept_positions(setting.total_steps))
        self.states: list[Tensor] = []

    def before_draw(self, step: Step) -> None:
        """Keep the states where a head reads them; completions begin once all N have ended."""
        if not self.drawn:  # a search may be made to ask how many rows it takes
            self.drawn = True
            self.recorded.recordings.append(self)
        if step.position in self.positions and step.indices[0] < self.starts:
            self.states.append(step.states.half().cpu())
