"""Best-of-N with a budget per prompt: waves of trajectories until one is good enough."""

from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field, field_validator, model_validator

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate
from scalingar.policy.stopping import StoppingRule
from scalingar.rewards.reward import compares
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Candidates, Pick, Search, Start
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, argmax


@STRATEGIES.register("stop-when-good")
class StopWhenGood(Strategy):
    """Trajectories in waves until the best reward reaches a threshold, or has not risen for some; at most N.

    Easy prompts are right at the first try; what they do not spend, hard ones may. ``scalingar calibrate`` finds
    threshold and patience on a complete run.
    """

    reward: str | None = Field(
        None, description="name of the reward, or name:source for weights of your own; None: the model's own"
    )
    rule: StoppingRule = StoppingRule(patience=3)

    @field_validator("rule", mode="before")
    @classmethod
    def _complete(cls, rule: Any) -> Any:
        """A rule that says neither when it is good nor when to give up has the default's patience."""
        says = not isinstance(rule, dict) or {"threshold", "patience"} & set(rule)
        return rule if says else {**rule, "patience": cls.model_fields["rule"].default.patience}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.rule.wave > self.num_trajectories:
            raise ValueError(f"a wave of {self.rule.wave} is larger than num_trajectories, {self.num_trajectories}")
        if self.rule.threshold is None and self.rule.patience is None:
            raise ValueError("set rule.threshold or rule.patience; with neither it is best-of-n")
        if self.reward is not None and compares(self.reward):
            raise ValueError(
                f"{self.reward} ranks finished candidates, so that no value of it is good; name one reward"
            )
        return self

    def needs(self) -> Needs:
        """Its reward."""
        return Needs(rewarded=True, reward=self.reward)

    def search(self, setting: Setting) -> "StopWhenGoodSearch":
        """A new search for one image."""
        return StopWhenGoodSearch(setting, self)

    def most_alive(self, setting: Setting) -> list[int]:
        """Those of a wave."""
        return [self.rule.wave] * setting.total_steps

    def most_drawn(self, setting: Setting) -> list[int]:
        """N, one wave after the other."""
        return [self.num_trajectories] * setting.total_steps

    @property
    def completes_all(self) -> bool:
        """It cuts nothing: of N complete trajectories it takes the first few."""
        return True

    def taken(self, rewards: Float[np.ndarray, "i n"]) -> Int[np.ndarray, " i"]:
        """See :meth:`Strategy.taken`."""
        return self.rule.taken(rewards)

    def check_rewards(self, rewards: Float[np.ndarray, "i n"]) -> None:
        """Raises ConfigError: the threshold is outside of a run's rewards, so that the run says nothing of it."""
        threshold, low, high = self.rule.threshold, float(np.nanmin(rewards)), float(np.nanmax(rewards))
        if threshold is not None and not low <= threshold <= high:
            raise ConfigError(
                f"a threshold of {threshold:g} is outside of what the run has seen, {low:.4g} to {high:.4g}; "
                "take one between them, or let 'scalingar calibrate' find it."
            )

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the highest reward, the first on ties."""
        return argmax(candidate.rewards[str(self.reward)] for candidate in candidates)


class StopWhenGoodSearch(Search):
    """The waves of one image."""

    may_start = True
    keeps_finished = False

    def __init__(self, setting: Setting, strategy: StopWhenGood) -> None:
        super().__init__(strategy, setting, starts=strategy.rule.next_wave([], strategy.num_trajectories))
        self.rule = strategy.rule
        self.drawn = self.starts

    def when_done(self, finished: Candidates) -> Start | Pick:
        """The next wave, or the best so far."""
        rewards = finished.rewards().tolist()
        lost = self.drawn - len(rewards)  # cut, because their logits were not numbers
        wave = self.rule.next_wave(rewards, self.strategy.num_trajectories - lost)
        self.drawn += wave
        return Start(fresh=wave) if wave else super().when_done(finished)
