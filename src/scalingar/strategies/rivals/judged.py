"""What the rivals share: a reward that judges prefixes at a few steps, raster ones with the missing part filled."""

from collections.abc import Callable
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate
from scalingar.policy.filling import FILLING, Fill, filled
from scalingar.profile.duration import share_of, steps_before_end
from scalingar.profile.rounding import descending
from scalingar.rewards.reward import compares
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Candidates, Decision, Search, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import Strategy, argmax

USUAL: Fill = "repeat"
"""How a raster prefix is filled unless a strategy says otherwise: what tells most in docs/rivals.md."""


class JudgesPrefixes(Strategy):
    """Base of strategies whose reward looks at prefixes too; the image handed out has the highest one."""

    reward: str | None = Field(
        None, description="name of the reward, or name:source for weights of your own; None: the model's own"
    )
    fill: Fill | None = Field(
        None,
        description="what stands in for undrawn codes of a next-token image that is judged: grey, the drawn codes "
        f"again (repeat) or half rows of them (blocks); None: {USUAL}",
    )

    @model_validator(mode="after")
    def _check_reward(self) -> Self:
        if self.reward is not None and compares(self.reward):
            raise ValueError(f"{self.reward} ranks finished candidates; a prefix has no value of it, name another")
        return self

    def needs(self) -> Needs:
        """Its reward."""
        return Needs(rewarded=True, reward=self.reward)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the highest reward, the first on ties."""
        return argmax(candidate.rewards[str(self.reward)] for candidate in candidates)

    def rewards_of(self, step: Step, setting: Setting) -> Float[np.ndarray, " n"]:
        """The reward of each row as far as it is drawn: a look for each."""
        if setting.scales:
            return step.rewards()

        def complete(candidate: Candidate) -> Tensor:
            generator = np.random.default_rng((setting.seed, step.position, candidate.index, FILLING))
            return filled(candidate.codes, setting.grid, self.fill or USUAL, generator, setting.preview)

        return with_codes(step.images, complete).rewards()


def with_codes(images: Candidates, change: Callable[[Candidate], Tensor]) -> Candidates:
    """The same trajectories as pictures of other codes."""
    return images.with_codes([change(candidate) for candidate in images])


class CheckedSearch(Search):
    """A search that decides only at its ``checks``, numbers of steps that are drawn: see :meth:`check`.

    Of a next-scale model right after the draw, so that no scale is computed for rows that end; of a next-token model
    before the next, so that a device need not wait after every code.
    """

    checks: frozenset[int]

    def __init__(self, strategy: JudgesPrefixes, setting: Setting, starts: int | None = None) -> None:
        """Raises ConfigError: a filling for a model whose pictures are always whole."""
        super().__init__(strategy, setting, starts)
        if setting.scales and strategy.fill is not None:
            raise ConfigError(
                f"fill is {strategy.fill!r}; pictures of a next-scale model are whole after every scale, leave it out."
            )

    @property
    def decides_after(self) -> bool:
        """Only of a next-scale model."""
        return bool(self.setting.scales)

    def before_draw(self, step: Step) -> Decision | None:
        """A check of a next-token model."""
        return None if self.setting.scales or step.position not in self.checks else self.check(step)

    def after_draw(self, step: Step) -> Decision | None:
        """A check of a next-scale model."""
        return self.check(step) if self.setting.scales and step.position in self.checks else None

    def check(self, step: Step) -> Decision | None:
        """Decide about the prefixes."""
        raise NotImplementedError(type(self).__name__)


def steps_at(shares: tuple[float, ...], setting: Setting) -> list[int]:
    """The numbers of steps at which these shares are drawn, ascending.

    Raises ConfigError: a share is rounded up to the last step, when nothing is left to decide about.
    """
    return sorted(set(steps_before_end(shares, setting.total_steps, setting.step_name, "check")))


def step_at(share: float, setting: Setting) -> int:
    """The number of steps of which at least this share of all is drawn."""
    return share_of(share, setting.total_steps)


def check_shares(shares: tuple[float, ...]) -> None:
    """Raises ValueError unless they ascend between 0 and 1."""
    if list(shares) != sorted(set(shares)) or not all(0 < share < 1 for share in shares):
        raise ValueError(f"the shares of checks {list(shares)} must ascend between 0 and 1")


def last_round(finished: Candidates) -> list[int]:
    """Places of those that share the most steps with others: of the last round, among rounds that share ever more."""
    born = [candidate.born for candidate in finished]
    return [place for place, steps in enumerate(born) if steps == max(born)]


def shared_out(rewards: Float[np.ndarray, " n"], width: int, count: int) -> Int[np.ndarray, " m"]:
    """``count`` copies of the ``width`` best rows, in turn from the best on; equal rewards in their order."""
    return descending(rewards)[:width][np.arange(count) % min(width, len(rewards))]
