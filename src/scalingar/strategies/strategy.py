"""What a strategy is: which trajectories go on at each step, how strongly to guide them, and which image to pick."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate
from scalingar.core.registry import Registry
from scalingar.profile.confidence import ConfidenceProfile, ProfileConfig
from scalingar.profile.token import TokenStatistics
from scalingar.strategies.scale_search import ScaleSearch
from scalingar.strategies.setting import Family, Setting


@dataclass(frozen=True)
class Step:
    """What one prompt's live trajectories show before their next code is drawn.

    ``position``: index of that code, the same for all of the prompt's rows.
    ``indices``: which trajectories are alive.
    ``batch``, ``rows``: the raw fp32 logits of all prompts' rows and which of them are this prompt's; see ``logits``.
    ``statistics``: of the distribution guided at the last step's scale.
    ``guidance_scale``: the last step's, ``(n,)``.
    """

    position: int
    indices: list[int]
    batch: Float[Tensor, "c b v"]
    rows: Int[np.ndarray, " n"]
    statistics: TokenStatistics
    guidance_scale: Float[np.ndarray, " n"]

    @property
    def logits(self) -> Float[Tensor, "c n v"]:
        """This prompt's, conditional and, with guidance, unconditional ones; a copy, made only for who asks."""
        return self.batch[:, self.rows]


@dataclass(frozen=True)
class Decision:
    """What to do with the ``n`` rows of a step.

    ``rows``: which go on, ``(m,)``; a row may repeat.
    ``reasons``: why a row is cut, one entry per row of the step, None for those that go on.
    ``guidance_scale``: at which to draw, per row of the step, ``(n,)`` in fp32.
    ``trace``: values of this step to record, ``(n,)`` each.
    """

    rows: Int[np.ndarray, " m"]
    reasons: list[str | None]
    guidance_scale: Float[np.ndarray, " n"]
    trace: dict[str, Float[np.ndarray, " n"]]


class Search:
    """One prompt's run of a strategy. This one watches the profile, keeps every row and guides as configured."""

    def __init__(self, setting: Setting, profile: ProfileConfig, trajectories: int, *, history: int = 0) -> None:
        """``history``: how many values of I the profile keeps for the search."""
        self.setting = setting
        self.profile = ConfidenceProfile.start(profile, trajectories, setting.grid, history=history)

    def observe(self, step: Step) -> Decision:
        """Called before each draw with the prompt's live rows."""
        self.profile = self.profile.update(step.statistics, step.position)
        return self.keep_finite(step)

    def keep_finite(self, step: Step) -> Decision:
        """Keep all rows but those whose logits are not numbers."""
        finite = np.isfinite(self.profile.values["C"])
        reasons = [None if ok else NOT_A_NUMBER for ok in finite.tolist()]
        return self.decide(finite, reasons, self.base_scale(step))

    def base_scale(self, step: Step) -> Float[np.ndarray, " n"]:
        """The scale the run was asked for, for every row."""
        return np.full(len(step.indices), self.setting.guidance_scale, np.float32)

    def decide(
        self,
        keep: np.ndarray,
        reasons: list[str | None],
        scale: Float[np.ndarray, " n"],
        **trace: Float[np.ndarray, " n"],
    ) -> Decision:
        """A decision on this step's rows, and the profile reduced to those that go on."""
        values = self.profile.values
        rows = keep.nonzero()[0]
        if len(rows) < len(keep):
            self.profile = self.profile.select(rows)
        return Decision(rows, reasons, scale, {**values, "s": scale, **trace})


NOT_A_NUMBER = "not a number"


class Strategy(BaseModel):
    """Base of all strategies: settings, nothing else. A new one is a class under ``@STRATEGIES.register``.

    It says in ``families`` for which models it decides. One that decides only after all trajectories are complete
    serves both as it is; one that decides on the way has a search of its own for each family it serves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    families: ClassVar[tuple[Family, ...]] = ("next-token",)
    needs_reward: ClassVar[bool] = False

    num_trajectories: int = Field(8, ge=1, description="N, trajectories per image")
    profile: ProfileConfig = ProfileConfig()

    def search(self, setting: Setting) -> Search:
        """A fresh run for one prompt on a next-token model."""
        return Search(setting, self.profile, self.num_trajectories)

    def scale_search(self, setting: Setting) -> ScaleSearch:
        """A fresh run for one prompt on a next-scale model. Raises ConfigError if it does not fit its scales."""
        return ScaleSearch(self.num_trajectories)

    @property
    def feature_name(self) -> str | None:
        """The feature its search asks for, by the name under which `make_feature` makes it; None: it asks for none."""
        return None

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Place in ``candidates``, all finished and scored where a reward is needed, of the image to hand out."""
        raise NotImplementedError(type(self).__name__)


STRATEGIES: Registry[type[Strategy]] = Registry("strategies")


def check_family(strategy: Strategy, family: Family) -> None:
    """Raises ConfigError unless the strategy decides for models of this family."""
    if family not in strategy.families:
        others = [name for name in STRATEGIES if family in STRATEGIES[name].families]
        raise ConfigError(
            f"the strategy {type(strategy).__name__} is for {' and '.join(strategy.families)} models, "
            f"and this model is {family}; choose from {', '.join(others)}."
        )


def choice_generator(setting: Setting) -> np.random.Generator:
    """Randomness of a strategy's own choices, apart from the trajectories' noise."""
    return np.random.default_rng((setting.seed, 0xC401CE))
