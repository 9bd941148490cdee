"""The base of strategies: settings, declared needs, and a search per image."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field, field_validator

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ConfigError, DecodingError
from scalingar.core.outputs import Candidate
from scalingar.core.registry import Registry
from scalingar.core.settings import Settings
from scalingar.profile.confidence import ProfileConfig
from scalingar.profile.rounding import first_largest
from scalingar.profile.signals import CONFIDENCE
from scalingar.rewards.given import named
from scalingar.rewards.rank_sum import asks_verifier, rewards_in
from scalingar.rewards.verifiers import VALUE_SCALE
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Candidates, Pick, Search, Start
from scalingar.strategies.setting import Setting

MOST_TRAJECTORIES = 65_536
"""Of an image: no machine holds as many, and larger numbers are slips."""


class Strategy(Settings):
    """Base of all strategies: settings only. A new one is a class under ``@STRATEGIES.register``.

    ``serves``: the kinds of models it supports; both, if it only chooses among complete trajectories.
    """

    serves: ClassVar[tuple[Decoding, ...]] = ("next-token", "next-scale")
    fixed: ClassVar[tuple[str, ...]] = ()
    """Settings with a single valid value, reset when switching from another strategy."""
    preset_parts: ClassVar[tuple[str, ...]] = ()
    """Settings filled in by its ``preset``, if it has one."""
    together: ClassVar[bool] = False
    """Whether the images of a call are concluded together, by :meth:`when_all_done`, and not by their searches."""

    num_trajectories: int = Field(8, ge=1, le=MOST_TRAJECTORIES, description="N, trajectories per image")
    profile: ProfileConfig = ProfileConfig()

    @field_validator("reward", mode="before", check_fields=False)
    @classmethod
    def _named_reward(cls, value: Any) -> Any:
        """A function ``(prompt, images) -> numbers`` in place of a name; a recipe tells it and cannot hold it."""
        return named(value) if callable(value) else value

    def needs(self) -> Needs:
        """What its searches use beside the logits; loaded only if declared here."""
        return Needs()

    def search(self, setting: Setting) -> Search:
        """A new search for one image. Raises ConfigError if the settings do not fit the model."""
        return Search(self, setting)

    def most_alive(self, setting: Setting) -> list[int]:
        """Trajectories of an image that draw each step, if nothing is cut that need not be."""
        return [max(self.num_trajectories, self.search(setting).starts)] * setting.total_steps

    def most_drawn(self, setting: Setting) -> list[int]:
        """How often each step is drawn for an image: more than are alive at once where prefixes are taken up again."""
        return self.most_alive(setting)

    @property
    def completes_all(self) -> bool:
        """Whether it cuts nothing, forks nothing, keeps the guidance scale, and its choice is told by what is recorded.

        The values of a verifier are, where they are asked as a reward.
        """
        needs = self.needs()
        return type(self).search is Strategy.search and (not needs.verified or asks_verifier(needs.reward))

    def taken(self, rewards: Float[np.ndarray, "i n"]) -> Int[np.ndarray, " i"]:
        """How many of N complete trajectories with these rewards it draws of each image of a call.

        Of a strategy that completes all that it draws.
        """
        return np.full(len(rewards), rewards.shape[1])

    def check_rewards(self, rewards: Float[np.ndarray, "i n"]) -> None:
        """Raises ConfigError if its settings do not fit the rewards of a run."""

    def when_all_done(self, searches: Sequence[Search], finished: Sequence[Candidates]) -> Sequence[Start | Pick]:
        """Of a strategy that concludes images together: called when no trajectory of the call is under way.

        An answer for each image that is not handed out yet; an empty Start: nothing now, it is asked again.
        """
        raise NotImplementedError(type(self).__name__)

    def alone(self, drawn: int) -> "Strategy":
        """What draws this image by itself as it came out of its call, where ``drawn`` trajectories were its own."""
        return self

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position in ``candidates`` of the image to return; all are finished, and scored if a reward is needed."""
        raise NotImplementedError(type(self).__name__)

    def chosen_by(self) -> str | None:
        """The signal that it chooses by, for tables; None if that is a reward, a verifier's value, or nothing."""
        return None


STRATEGIES: Registry[type[Strategy]] = Registry("strategies")


def check_serves(strategy: Strategy, decoding: Decoding) -> None:
    """Raises ConfigError unless the strategy supports models that decode this way."""
    if decoding not in strategy.serves:
        others = [name for name in STRATEGIES if decoding in STRATEGIES[name].serves]
        raise ConfigError(
            f"the strategy {STRATEGIES.name_of(type(strategy))} is for {' and '.join(strategy.serves)} models, "
            f"and this model is {decoding}; choose from {', '.join(others)}."
        )


def branches_of(strategy: Strategy, guidance_scale: float) -> int:
    """Branches that its images are drawn with: conditional, with guidance unconditional, and a second prompt's."""
    return 1 if guidance_scale <= 1.0 else 2 if strategy.needs().rewriter is None else 3


def check_branches(strategy: Strategy, guidance_scale: float) -> None:
    """Raises ConfigError for what compares or combines branches, if there is only the prompt's."""
    needs, name = strategy.needs(), STRATEGIES.name_of(type(strategy))
    if guidance_scale <= 1.0 and needs.rewriter is not None:
        raise ConfigError(
            f"the strategy {name} guides with a second prompt (rewrite: {needs.rewriter}), and guidance_scale "
            f"{guidance_scale:g} means without guidance; set it above 1, or leave rewrite out."
        )
    if guidance_scale <= 1.0 and (needs.unconditional or "pmi" in rewards_in(needs.reward)):
        raise ConfigError(
            f"the strategy {name} compares the prompt's branch with an unconditional one (pmi), and at "
            f"guidance_scale {guidance_scale:g} there is none; set it above 1, or choose by another signal such as "
            "log-likelihood."
        )


def signals_of(strategy: Strategy) -> set[str]:
    """The signals and rewards that a strategy goes by, as signals are spelt."""
    signal, rewards = strategy.chosen_by(), rewards_in(strategy.needs().reward)
    return {*(name.replace("-", "_") for name in rewards), *([] if signal is None else [signal])}


class LoneBranchWarning(UserWarning):
    """Something that compares the prompt's branch with an unconditional one has nothing to compare it with."""


def tell_lone_branch(strategy: Strategy, guidance_scale: float) -> None:
    """Warns of a confidence whose conditional channel is constant, because there is only the prompt's branch."""
    channel, weight = strategy.profile.conditional_channel, strategy.profile.weights.conditional
    if guidance_scale > 1 or not channel or signals_of(strategy).isdisjoint(CONFIDENCE):
        return
    warnings.warn(
        "without guidance there is no unconditional branch, so that the conditional channel says nothing: D is 0.5 "
        f"throughout, with {weight:g} of the weight of confidence. strategy.profile.conditional_channel=false leaves "
        "it out; a guidance_scale above 1 asks for that branch.",
        LoneBranchWarning,
        stacklevel=2,
    )


def argmax(values: Iterable[float], scale: float = 0.0) -> int:
    """Position of the highest value, the first of equal ones; ``scale``: see :func:`first_largest`."""
    return int(first_largest(np.array(list(values), np.float64), scale))


def most_valued(candidates: Iterable[Candidate]) -> int:
    """Position of the candidate that the verifier values most, the first of equal ones.

    Raises DecodingError: a value is not a number.
    """
    values = [candidate.signals["verifier"] for candidate in candidates]
    if not np.isfinite(values).all():
        raise DecodingError("a verifier's value is not a number; check the verifier and the model's dtype.")
    return argmax(values, VALUE_SCALE)


def choice_generator(setting: Setting) -> np.random.Generator:
    """Generator of a strategy's own choices, independent of the trajectories' noise."""
    return np.random.default_rng((setting.seed, 0xC401CE))
