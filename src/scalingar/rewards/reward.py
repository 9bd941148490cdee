"""The interface and registry of rewards."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from inspect import signature
from typing import Any, Protocol

import torch
from PIL import Image

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate, Truncation
from scalingar.core.registry import Registry, split_source
from scalingar.core.validation import plain, shown
from scalingar.rewards.given import PREFIX, given


class Reward(Protocol):
    """Scores finished candidates; higher is better."""

    @property
    def counts_images(self) -> bool:
        """Whether it looks at images, so that its calls are counted in the ledger."""

    def __call__(self, candidates: list[Candidate]) -> list[float]:
        """One finite number per candidate."""


class PixelReward:
    """Base of rewards that score images against their prompt; subclasses implement :meth:`score`."""

    counts_images = True
    compares = False
    """A candidate's score depends on the others of its prompt, so that further ones change it."""
    independent = False
    """No image's score depends on the other images, so they may be scored in parts."""
    title = "the reward"
    """What messages call it."""

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """One finite number per image, higher is better."""
        raise NotImplementedError(type(self).__name__)

    def prepare(self) -> None:
        """Called before decoding; raises what :meth:`score` would raise for a missing file or package."""

    def answered(self, prompt: str, images: Sequence[Image.Image]) -> list[float | None]:
        """As :meth:`score`, but None for an image about which a model that was asked gave no answer."""
        return list(self.score(prompt, images))

    def check_prompt(self, prompt: str) -> None:
        """Called before decoding; raises what :meth:`score` would raise for this prompt, whatever its images."""

    def truncation(self, prompt: str) -> Truncation | None:
        """The part of a prompt that this reward does not read; None if it reads the whole prompt."""

    def __call__(self, candidates: list[Candidate]) -> list[float]:
        """The scores of the candidates; those of the same prompt are scored together.

        Raises ConfigError unless :meth:`score` gives a finite number for each image.
        """
        scores: dict[int, float] = {}
        for prompt in dict.fromkeys(candidate.prompt for candidate in candidates):
            rows = [row for row, candidate in enumerate(candidates) if candidate.prompt == prompt]
            values = self.score(prompt, [_image(candidates[row]) for row in rows])
            scores.update(zip(rows, one_each(values, len(rows), self.title), strict=True))
        return [scores[row] for row in range(len(candidates))]


def _image(candidate: Candidate) -> Image.Image:
    """A copy: what a reward paints on it is not handed out."""
    assert candidate.image is not None, "a pixel reward scores decoded candidates only"
    return candidate.image.copy()


def one_each(values: Any, count: int, title: str) -> list[float]:
    """Finite numbers, one for each of ``count`` images, from any sequence or array. Raises ConfigError."""
    told = plain(values)
    if isinstance(told, str | bytes | Mapping) or not isinstance(told, Iterable):
        raise ConfigError(f"{title} returned {shown(values)}; it must return a list of one number for each image.")
    numbers = list(map(plain, told))
    if len(numbers) != count:
        raise ConfigError(f"{title} returned {len(numbers)} numbers for {count} images; it must return one each.")
    for place, number in enumerate(numbers):
        if not isinstance(number, int | float):
            raise ConfigError(f"{title} returned {shown(number)} for image {place}; it must be a number.")
        if not -sys.float_info.max <= number <= sys.float_info.max:  # nan neither
            raise ConfigError(f"{title} returned {shown(number)} for image {place}; it must be finite.")
    return [float(number) for number in numbers]


ScoreFunction = Callable[[str, list[Image.Image]], Sequence[float]]


class FunctionReward(PixelReward):
    """A function of a prompt and its images as a reward."""

    def __init__(self, function: ScoreFunction) -> None:
        """Raises ConfigError if it cannot be called with a prompt and its images."""
        self.function = function
        with suppress(ValueError):  # what is written in C may not tell
            try:
                signature(function).bind("a prompt", [])
            except TypeError as error:
                raise ConfigError(
                    f"a function that is a reward is called with a prompt and a list of images, and here that is "
                    f"{error}; write def reward(prompt, images), which returns a number for each image."
                ) from None

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """The function's values."""
        return one_each(self.function(prompt, list(images)), len(images), self.title)


class RewardFactory(Protocol):
    """Builds a reward; its weights need not be loaded before the first score."""

    def __call__(self, source: str | None, *, device: str | torch.device) -> Reward:
        """``source``: file, folder or hub name of its weights; None: the default. ``device``: of its network."""


class WithoutWeights:
    """The factory of a reward whose weights, if any, cannot be chosen; ``make`` builds it, ``of``: of what it is made.

    ``of`` is what its author wrote, by which a registry knows the same definition again; None: ``make``.
    """

    def __init__(
        self, make: Callable[[], Reward], description: str | None = None, of: Callable[..., Any] | None = None
    ) -> None:
        self.make = make
        self.__doc__ = description or make.__doc__
        self.__wrapped__ = of or make

    def __call__(self, source: str | None, *, device: str | torch.device) -> Reward:
        """A new reward."""
        return self.make()


def scoring(function: ScoreFunction) -> WithoutWeights:
    """Decorator that makes a reward factory from a function ``(prompt, images) -> numbers``."""
    return WithoutWeights(lambda: FunctionReward(function), function.__doc__, of=function)


REWARDS: Registry[RewardFactory] = Registry("rewards")
"""A new reward is a file with a class or function under ``@REWARDS.register(name)``."""


def check_reward(text: str) -> None:
    """Raises ConfigError for an unknown name, or for a source if the reward has no weights."""
    _entry(text)


def _entry(text: str) -> tuple[RewardFactory, str | None]:
    if text.startswith(PREFIX):
        function = given(text)
        made = function if isinstance(function, PixelReward) else FunctionReward(function)
        return WithoutWeights(lambda: made), None
    name, source = split_source("reward", text)
    if isinstance(REWARDS[name], WithoutWeights) and source is not None:
        raise ConfigError(f"the reward {name!r} has no weights to choose; leave {':' + source!r} out.")
    if (check := getattr(REWARDS[name], "check", None)) is not None:
        check(source)
    return REWARDS[name], source


def compares(text: str) -> bool:
    """Whether the reward of this name, if there is one, scores candidates against each other."""
    name = text.partition(":")[0]
    return name in REWARDS and bool(getattr(REWARDS[name], "compares", False))


def eyes(text: str) -> frozenset[str]:
    """What looks when the reward ``name`` or ``name:source`` scores: itself by name, or the model that it asks.

    Two rewards that share one of these are not independent. Raises ConfigError for an unknown name.
    """
    factory, source = _entry(text)
    named = getattr(factory, "eyes", None)
    return frozenset({f"the reward {text.partition(':')[0]}"}) if named is None else named(source)


def build_reward(text: str, *, device: str | torch.device) -> Reward:
    """The reward ``name`` or ``name:source``, with its network on ``device``. Raises ConfigError."""
    factory, source = _entry(text)
    reward = factory(source, device=device)
    if isinstance(reward, PixelReward):
        reward.title = f"the reward {text!r}"
    return reward


def score_candidates(reward: Reward, name: str, candidates: list[Candidate]) -> list[float]:
    """One finite number per candidate. Raises ConfigError if the reward returns anything else."""
    return one_each(reward(candidates), len(candidates), f"the reward {name!r}")
