"""What a reward is, and finding one by its name."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

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

    takes_source: ClassVar[bool] = False
    """It is built as ``kind(source, device=...)``, and ``name:source`` says which weights it uses."""

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


REWARDS: Registry[Any] = Registry("rewards")
"""By name: a function ``(prompt, images) -> numbers``, a class that is built without arguments, or a built reward."""


def split_reward(text: str) -> tuple[str, str | None]:
    """Name and source of ``name`` or ``name:source``. Raises ConfigError for a source that is empty."""
    name, colon, source = text.partition(":")
    if colon and not source:
        raise ConfigError(f"the reward {text!r} ends in ':'; add a file, a folder or a hub name, or leave it out.")
    return name, source or None


def check_reward(text: str) -> None:
    """Raises ConfigError for an unknown name, or a source where none is taken."""
    name, source = split_reward(text)
    if source is not None and not _takes_source(REWARDS[name]):
        raise ConfigError(f"the reward {name!r} has no weights to choose; leave {':' + source!r} out.")
    REWARDS[name]  # raises with a suggestion


def build_reward(text: str, *, device: str | torch.device) -> Reward:
    """The reward of ``name`` or ``name:source``; a network of its own goes to ``device``. Raises ConfigError."""
    check_reward(text)
    name, source = split_reward(text)
    entry = REWARDS[name]
    built: Reward
    if _takes_source(entry):
        built = entry(source, device=device)
    elif isinstance(entry, type):
        built = entry()
    else:
        built = entry if hasattr(entry, "counts_images") else FunctionReward(entry)
    return built


def _takes_source(entry: Any) -> bool:
    return isinstance(entry, type) and issubclass(entry, PixelReward) and entry.takes_source


def ask(reward: Reward, name: str, candidates: list[Candidate]) -> list[float]:
    """One number per candidate. Raises ConfigError where the reward gives fewer, more, or none that is finite."""
    values = reward(candidates)
    if len(values) != len(candidates):
        raise ConfigError(f"the reward {name!r} gave {len(values)} numbers for {len(candidates)} images; mend it.")
    for candidate, value in zip(candidates, values, strict=True):
        if not math.isfinite(value):
            raise ConfigError(f"the reward {name!r} gave {value} for trajectory {candidate.index}; it must be finite.")
    return values
