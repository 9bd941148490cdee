"""To which images of a call the next trajectories go: those whose best reward is expected to rise most by one more."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field, model_validator

from scalingar.core.settings import Settings
from scalingar.profile.rounding import descending


class AllocationRule(Settings):
    """A total budget: the first d trajectories of every image, then rounds of one more where it promises most.

    The criterion is AdaBoN's (arXiv 2505.12050): the expected rise of an image's best reward by one more draw, under
    an estimate of its rewards' density. Theirs is a kernel density of the image's own draws. A few draws say little
    about a tail, so ours is the predictive distribution of a Dirichlet process (Ferguson 1973) whose base are the
    first rewards of all images of the call: the next draw is one of those with weight a / (a + n), one of the image's
    own n with weight n / (a + n), and the latter cannot exceed their own maximum.
    """

    budget: float | None = Field(
        None, gt=0, description="mean number of trajectories per image of a call; None: half of num_trajectories"
    )
    first: int = Field(1, ge=1, description="d, trajectories that every image gets")
    prior: float = Field(8.0, gt=0, description="a, draws of its own that the rewards of all images count as")
    share: float = Field(0.25, gt=0, le=1, description="of the images that get one more trajectory each in a round")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.budget is not None and self.budget < self.first:
            raise ValueError(
                f"a budget of {self.budget:g} trajectories per image is smaller than the first {self.first} of each"
            )
        return self

    def total(self, images: int, most: int) -> int:
        """Trajectories of so many images, at most ``most`` each."""
        mean = max(self.first, most / 2) if self.budget is None else self.budget
        return min(int(mean * images + 1e-9), most * images)

    def next_round(self, rewards: Sequence[Sequence[float]], drawn: Sequence[int], most: int) -> Int[np.ndarray, " i"]:
        """How many more trajectories each image gets now, 0 or 1; all 0: the budget is spent.

        ``rewards``: of each image's finished trajectories, in order. ``drawn``: of all that it began.
        """
        pool = np.array([reward for own in rewards for reward in own[: self.first]])
        best = np.array([max(own) for own in rewards])
        return self._round(best, np.array(drawn), pool, most)

    def taken(self, rewards: Float[np.ndarray, "i n"]) -> Int[np.ndarray, " i"]:
        """How many of n trajectories, whose rewards are known in advance, would be drawn of each image of a call."""
        images, most = rewards.shape
        highest, pool = np.maximum.accumulate(rewards, axis=1), rewards[:, : self.first].ravel()
        taken = np.full(images, min(self.first, most))
        while (more := self._round(highest[np.arange(images), taken - 1], taken, pool, most)).any():
            taken += more
        return taken

    def _round(
        self, best: Float[np.ndarray, " i"], drawn: Int[np.ndarray, " i"], pool: Float[np.ndarray, " p"], most: int
    ) -> Int[np.ndarray, " i"]:
        left = self.total(len(best), most) - int(drawn.sum())
        rise = np.where(drawn < most, self.prior / (self.prior + drawn) * expected_excess(best, pool), -1.0)
        fewest = np.argsort(drawn, kind="stable")  # among equals
        order = fewest[descending(rise[fewest])]
        size = min(left, max(1, round(self.share * len(best))), int((drawn < most).sum()))
        more = np.zeros(len(best), np.int64)
        more[order[: max(size, 0)]] = 1
        return more


def expected_excess(best: Float[np.ndarray, " i"], pool: Float[np.ndarray, " p"]) -> Float[np.ndarray, " i"]:
    """E[max(R - best, 0)] of a draw R from the pool."""
    ordered = np.sort(pool)
    sums = np.append(np.cumsum(ordered[::-1])[::-1], 0.0)
    first = np.searchsorted(ordered, best, side="right")
    return (sums[first] - best * (len(pool) - first)) / len(pool)
