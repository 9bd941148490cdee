"""What a reward is, and finding one by its name."""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from PIL import Image

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate, Truncation
from scalingar.core.registry import Registry


class Reward(Protocol):
    """Scores finished candidates; higher is better."""

    @property
    def counts_images(self) -> bool:
        """It looks at pixels, so that its calls belong in the ledger."""
        ...

    def __call__(self, candidates: list[Candidate]) -> list[float]:
        """One finite number per candidate."""
        ...


class PixelReward:
    """A reward that judges pictures against their prompt; a subclass says how in :meth:`score`."""

    counts_images = True

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """One finite number per picture, higher is better."""
        raise NotImplementedError(type(self).__name__)

    def prepare(self) -> None:
        """Called before anything is decoded: raise now what :meth:`score` would raise for want of a file or package."""

    def truncation(self, prompt: str) -> Truncation | None:
        """What of a prompt this reward does not read; None where it reads all of it."""

    def __call__(self, candidates: list[Candidate]) -> list[float]:
        """The candidates' scores in their order; those of one prompt are judged together."""
        scores: dict[int, float] = {}
        for prompt in dict.fromkeys(candidate.prompt for candidate in candidates):
            places = [place for place, candidate in enumerate(candidates) if candidate.prompt == prompt]
            given = self.score(prompt, [_picture(candidates[place]) for place in places])
            scores.update(zip(places, given, strict=False))
        return [scores[place] for place in sorted(scores)]


def _picture(candidate: Candidate) -> Image.Image:
    assert candidate.image is not None, "a reward that looks at pixels is asked about decoded candidates"
    return candidate.image


ScoreFunction = Callable[[str, list[Image.Image]], Sequence[float]]


class FunctionReward(PixelReward):
    """A plain function of a prompt and its pictures, as a reward."""

    def __init__(self, function: ScoreFunction) -> None:
        self.function = function

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """What the function says."""
        return [float(value) for value in self.function(prompt, list(images))]


class RewardFactory(Protocol):
    """Makes a reward; weights are loaded later, before the first score at the latest."""

    def __call__(self, source: str | None, *, device: str | torch.device) -> Reward:
        """``source``: file, folder or hub name of its weights, None for the usual ones. ``device``: of its network."""
        ...


class WithoutWeights:
    """The factory of a reward that has no weights to choose, from what makes it: a class, or a function of nothing."""

    def __init__(self, make: Callable[[], Reward], description: str | None = None) -> None:
        self.make = make
        self.__doc__ = description or make.__doc__

    def __call__(self, source: str | None, *, device: str | torch.device) -> Reward:
        """A new one, which nothing is loaded for."""
        return self.make()


def scoring(function: ScoreFunction) -> WithoutWeights:
    """The factory of a reward that asks a plain function ``(prompt, images) -> numbers``."""
    return WithoutWeights(lambda: FunctionReward(function), function.__doc__)


REWARDS: Registry[RewardFactory] = Registry("rewards")
"""A new reward is one file with one class or function under ``@REWARDS.register(name)``."""


def split_reward(text: str) -> tuple[str, str | None]:
    """Name and source of ``name`` or ``name:source``. Raises ConfigError for a source that is empty."""
    name, colon, source = text.partition(":")
    if colon and not source:
        raise ConfigError(f"the reward {text!r} ends in ':'; add a file, a folder or a hub name, or leave it out.")
    return name, source or None


def check_reward(text: str) -> None:
    """Raises ConfigError for an unknown name, or a source where none is taken."""
    name, source = split_reward(text)
    if isinstance(REWARDS[name], WithoutWeights) and source is not None:
        raise ConfigError(f"the reward {name!r} has no weights to choose; leave {':' + source!r} out.")


def build_reward(text: str, *, device: str | torch.device) -> Reward:
    """The reward of ``name`` or ``name:source``; a network of its own goes to ``device``. Raises ConfigError."""
    check_reward(text)
    name, source = split_reward(text)
    return REWARDS[name](source, device=device)


def score_candidates(reward: Reward, name: str, candidates: list[Candidate]) -> list[float]:
    """One number per candidate. Raises ConfigError where the reward gives fewer, more, or none that is finite."""
    values = reward(candidates)
    if len(values) != len(candidates):
        raise ConfigError(f"the reward {name!r} gave {len(values)} numbers for {len(candidates)} images; mend it.")
    for candidate, value in zip(candidates, values, strict=True):
        if not math.isfinite(value):
            raise ConfigError(f"the reward {name!r} gave {value} for trajectory {candidate.index}; it must be finite.")
    return values
