"""Best-of-N with one budget for all prompts of a call."""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field, model_validator

from scalingar.core.outputs import Candidate
from scalingar.policy.allocation import AllocationRule
from scalingar.rewards.reward import compares
from scalingar.strategies.best_of_n import BestOfN
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Candidates, Pick, Search, Start
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, argmax


@STRATEGIES.register("allocate")
class Allocate(Strategy):
    """A budget for all images of a call: a few trajectories each, then more where the best reward rises most.

    Its rounds wait for each other, so that what an image gets depends on no order and no limit of rows. The budget is
    of one call: in ``bench run`` of a shard.
    """

    together: ClassVar[bool] = True

    reward: str | None = Field(
        None, description="name of the reward, or name:source for weights of your own; None: the model's own"
    )
    rule: AllocationRule = AllocationRule()

    @model_validator(mode="after")
    def _check(self) -> Self:
        rule, most = self.rule, self.num_trajectories
        if rule.first > most:
            raise ValueError(
                f"the first {rule.first} trajectories of each image are more than num_trajectories, {most}"
            )
        if rule.budget is not None and rule.budget > most:
            raise ValueError(
                f"a budget of {rule.budget:g} trajectories per image is more than num_trajectories, {most}"
            )
        if self.reward is not None and compares(self.reward):
            raise ValueError(
                f"{self.reward} ranks an image's candidates, and says nothing across images; name one reward"
            )
        return self

    def needs(self) -> Needs:
        """Its reward."""
        return Needs(rewarded=True, reward=self.reward)

    def search(self, setting: Setting) -> "AllocateSearch":
        """A new search for one image."""
        return AllocateSearch(self, setting, starts=self.rule.first)

    def most_alive(self, setting: Setting) -> list[int]:
        """The first ones; its rounds come one after the other."""
        return [self.rule.first] * setting.total_steps

    def most_drawn(self, setting: Setting) -> list[int]:
        """N."""
        return [self.num_trajectories] * setting.total_steps

    @property
    def completes_all(self) -> bool:
        """It cuts nothing: of N complete trajectories it takes the first few."""
        return True

    def taken(self, rewards: Float[np.ndarray, "i n"]) -> Int[np.ndarray, " i"]:
        """See :meth:`Strategy.taken`."""
        return self.rule.taken(rewards)

    def when_all_done(self, searches: Sequence[Search], finished: Sequence[Candidates]) -> Sequence[Start | Pick]:
        """One more trajectory for some images, or the best of each."""
        rewards = [own.rewards().tolist() for own in finished]
        own_searches = [search for search in searches if isinstance(search, AllocateSearch)]
        more = self.rule.next_round(rewards, [search.drawn for search in own_searches], self.num_trajectories)
        if not more.any():
            return [Pick(own[argmax(scores)].index) for own, scores in zip(finished, rewards, strict=True)]
        return [search.start(count) for search, count in zip(own_searches, more.tolist(), strict=True)]

    def alone(self, drawn: int) -> Strategy:
        """Best-of-N with as many as it was given."""
        return BestOfN(num_trajectories=drawn, profile=self.profile, reward=self.reward)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the highest reward, the first on ties."""
        return argmax(candidate.rewards[str(self.reward)] for candidate in candidates)


class AllocateSearch(Search):
    """The trajectories of one image, cut ones too, are counted here."""

    may_start = True
    keeps_finished = False

    def __init__(self, strategy: Allocate, setting: Setting, starts: int) -> None:
        super().__init__(strategy, setting, starts)
        self.drawn = starts

    def start(self, count: int) -> Start:
        """So many more."""
        self.drawn += count
        return Start(fresh=count)
