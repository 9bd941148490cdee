"""What a strategy is: settings, what it needs, and a search for each image."""

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate
from scalingar.core.registry import Registry
from scalingar.profile.confidence import ProfileConfig
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Search
from scalingar.strategies.setting import Setting


class Strategy(BaseModel):
    """Base of all strategies: settings, nothing else. A new one is a class under ``@STRATEGIES.register``.

    ``serves``: the kinds of models it decides for. One that decides only when all trajectories are complete serves
    both as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    serves: ClassVar[tuple[Decoding, ...]] = ("next-token", "next-scale")
    fixed: ClassVar[tuple[str, ...]] = ()
    """Settings that have one value only, whatever another strategy had."""
    preset_parts: ClassVar[tuple[str, ...]] = ()
    """Settings that its ``preset`` fills in, where it has one."""

    num_trajectories: int = Field(8, ge=1, description="N, trajectories per image")
    profile: ProfileConfig = ProfileConfig()

    def needs(self) -> Needs:
        """What its searches ask for; made and loaded only then."""
        return Needs()

    def search(self, setting: Setting) -> Search:
        """A fresh run for one image. Raises ConfigError if it does not fit the model."""
        return Search(self, setting)

    @property
    def completes_all(self) -> bool:
        """It decides nothing before all N trajectories are complete."""
        return type(self).search is Strategy.search

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Place in ``candidates``, all finished and scored where a reward is needed, of the image to hand out."""
        raise NotImplementedError(type(self).__name__)


STRATEGIES: Registry[type[Strategy]] = Registry("strategies")


def check_serves(strategy: Strategy, decoding: Decoding) -> None:
    """Raises ConfigError unless the strategy decides for models that decode this way."""
    if decoding not in strategy.serves:
        others = [name for name in STRATEGIES if decoding in STRATEGIES[name].serves]
        raise ConfigError(
            f"the strategy {type(strategy).__name__} is for {' and '.join(strategy.serves)} models, "
            f"and this model is {decoding}; choose from {', '.join(others)}."
        )


def choice_generator(setting: Setting) -> np.random.Generator:
    """Randomness of a strategy's own choices, apart from the trajectories' noise."""
    return np.random.default_rng((setting.seed, 0xC401CE))
