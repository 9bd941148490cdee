"""Best-of-N: complete every trajectory, hand out the one a reward likes most."""

from typing import ClassVar

from pydantic import Field

from scalingar.core.outputs import Candidate
from scalingar.strategies.setting import BOTH_FAMILIES, Family
from scalingar.strategies.strategy import STRATEGIES, Setting, Strategy


class RewardedStrategy(Strategy):
    """Completes N trajectories and asks a reward about each."""

    families: ClassVar[tuple[Family, ...]] = BOTH_FAMILIES
    needs_reward: ClassVar[bool] = True

    reward: str = Field("pmi", description="name of the reward, or name:source for weights of your own")

    def scores(self, candidates: list[Candidate]) -> list[float]:
        """What the reward said."""
        return [candidate.rewards[self.reward] for candidate in candidates]


@STRATEGIES.register("best-of-n")
class BestOfN(RewardedStrategy):
    """argmax of the reward over N full samples; the first among equals."""

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Place of the highest reward."""
        scores = self.scores(candidates)
        return scores.index(max(scores))
