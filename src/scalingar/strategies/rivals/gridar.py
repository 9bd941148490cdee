"""GridAR (CVPR 2026, arXiv 2511.21185): strips that cannot become the prompt's image are replaced by others."""

from dataclasses import replace
from typing import ClassVar, Self

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import Field, field_validator, model_validator

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ConfigError
from scalingar.models.prompts.rewriters import build_rewriter
from scalingar.profile.rounding import descending, reaches
from scalingar.strategies.needs import Needs
from scalingar.strategies.rivals.judged import CheckedSearch, JudgesPrefixes, check_shares, steps_at
from scalingar.strategies.search import Decision, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES

GROUP = 4
"""Candidates that replace each other."""


@STRATEGIES.register("gridar")
class GridAR(JudgesPrefixes):
    """After a quarter and after half of the rows, rejected strips are overwritten by accepted ones of their group of 4.

    As released: in turn, no ranking among the accepted, nothing where all are rejected; the best finished image by
    reward; from the first check on guidance of three branches, with a rewritten prompt's (see
    :func:`scalingar.profile.statistics.guidance.guide`), both prompts at the guidance scale. Chosen: in place of a
    vision-language model that says possible or impossible a reward, by a threshold or as the better half of each group.
    In place of one that rewrites the prompt for each strip that it sees a rewriter that sees none: the second prompt is
    the same for all candidates and known at the start, so that its branch reads all codes and costs half as much again
    as the two others. Without ``rewrite`` there is none.
    """

    serves: ClassVar[tuple[Decoding, ...]] = ("next-token",)

    checks: tuple[float, ...] = Field((0.25, 0.5), description="after which shares of the codes strips are judged")
    threshold: float | None = Field(
        None, description="reward from which a strip is possible; None: the better half of each group of four is"
    )

    rewrite: str | None = Field(
        None,
        description="what writes the second prompt, which guides from the first check on: layout, or text:WORDS for "
        "words of your own; None: guidance without one",
    )

    @field_validator("rewrite")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                build_rewriter(value)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_shares(self.checks)
        if self.rewrite is not None and not self.checks:
            raise ValueError(f"rewrite: {self.rewrite} guides from the first check on, and checks are none; name one")
        return self

    def needs(self) -> Needs:
        """With what writes the second prompt."""
        return replace(super().needs(), rewriter=self.rewrite)

    def search(self, setting: Setting) -> "GridARSearch":
        """A new search for one image."""
        return GridARSearch(self, setting)

    def possible(self, rewards: Float[np.ndarray, " g"]) -> Bool[np.ndarray, " g"]:
        """Which strips of a group are accepted."""
        if self.threshold is not None:
            return reaches(rewards, self.threshold)
        accepted = np.zeros(len(rewards), bool)
        accepted[descending(rewards)[: -(-len(rewards) // 2)]] = True
        return accepted


class GridARSearch(CheckedSearch):
    """The search for one image: slots, each with the strip that goes on there."""

    def __init__(self, strategy: GridAR, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings = strategy
        self.checks = frozenset(steps_at(strategy.checks, setting))

    def check(self, step: Step) -> Decision:
        """Accepted strips stay in their slots and take those of the rejected."""
        rewards = self.settings.rewards_of(step, self.setting)
        groups = np.split(np.arange(len(step)), range(GROUP, len(step), GROUP))
        rows = np.concatenate([replaced(group, self.settings.possible(rewards[group])) for group in groups])
        decision = Decision.of(rows, len(step), "its strip was rejected", reward=rewards)
        if self.settings.rewrite is None:
            return decision
        return replace(decision, second_scale=np.full(len(step), self.setting.guidance_scale))


def replaced(group: Int[np.ndarray, " g"], possible: Bool[np.ndarray, " g"]) -> Int[np.ndarray, " g"]:
    """The row that goes on in each slot of a group."""
    if not possible.any():
        return group
    rows, accepted = group.copy(), group[possible]
    rows[~possible] = accepted[np.arange((~possible).sum()) % len(accepted)]
    return rows
